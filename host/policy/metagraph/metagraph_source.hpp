// Where the metagraph comes from, and how old it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <dojo/result.hpp>

#include "base/log.hpp"
#include "policy/metagraph/metagraph.hpp"

namespace dojo::policy {

/// What to do once the metagraph is older than max_age, or was never had.
enum class Stale { closed, open };

struct MetagraphOptions {
  std::string url;  ///< Kami's, such as http://127.0.0.1:3000; empty: none
  /// Instead: a file of the same shape, which is as old as its last change says; empty: none.
  std::filesystem::path file;
  std::uint16_t netuid = 0;
  std::chrono::seconds refresh{
      120};  ///< between two successful readings; a file is looked at each second
  std::chrono::milliseconds retry_least{2'000};  ///< after a failed one; doubles up to `refresh`
  std::chrono::seconds timeout{20};              ///< for one reading
  std::chrono::seconds max_age{3'600};
  Stale when_stale = Stale::closed;
  std::size_t longest = std::size_t{64} << 20;  ///< bytes of an answer
  [[nodiscard]] bool wanted() const { return !url.empty() || !file.empty(); }
};

/// How long a source waits for the next reading of a URL after so many failures in a row.
/// @param luck 0 to 1: no two hosts shall ask in step
std::chrono::milliseconds wait_after(const MetagraphOptions& options, unsigned failures,
                                     double luck);

/// What a decision goes by.
struct MetagraphView {
  std::shared_ptr<const Metagraph> metagraph;  ///< null: never had one
  bool fresh = false;                          ///< not older than max_age
  bool wanted = false;                         ///< one is configured at all
  Stale when_stale = Stale::closed;
  /// Whether its facts may be used: it is there, and fresh or to be used however old.
  [[nodiscard]] bool usable() const { return metagraph && (fresh || when_stale == Stale::open); }
};

/// Reads the metagraph again and again on a thread of its own. A reading that fails, or is of
/// another netuid, or of an older block than the one at hand (by the same source, and not too old
/// itself), changes nothing but the log and the error; it is tried again after waits that double,
/// with jitter. A good one is kept in <state>/access/metagraph.json with the time of its reading,
/// and is there again after a restart, with its true age, as long as the source is the same. Any
/// thread.
class MetagraphSource {
 public:
  struct Status {
    /// Since the reading, or a file's last change; of a clock that went back, by how much it did.
    /// Nothing: never had one.
    std::optional<std::chrono::seconds> age;
    std::uint64_t block = 0;
    std::size_t neurons = 0;
    std::uint64_t readings = 0;  ///< good ones
    std::uint64_t failures = 0;
    std::string error;  ///< of the last reading; empty: it was good
  };

  /// Starts the thread if a metagraph is wanted. Does not wait for the first reading.
  /// @param state the host's state folder @param now the wall clock, which tests set
  /// @return an error if the state folder cannot be used
  static Result<std::unique_ptr<MetagraphSource>> open(const MetagraphOptions& options,
                                                       const std::filesystem::path& state,
                                                       const base::Log& log,
                                                       std::function<WallTime()> now);
  /// Ends at once, also within a reading.
  ~MetagraphSource();
  MetagraphSource(const MetagraphSource&) = delete;
  MetagraphSource& operator=(const MetagraphSource&) = delete;

  /// A few tens of nanoseconds.
  [[nodiscard]] MetagraphView view() const;
  [[nodiscard]] Status status() const;
  /// Takes over other options. Another source or netuid: what was read before counts no more.
  void apply(const MetagraphOptions& options);
  /// Reads now, and not only when it is time.
  void refresh();

 private:
  class Impl;
  explicit MetagraphSource(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dojo::policy
