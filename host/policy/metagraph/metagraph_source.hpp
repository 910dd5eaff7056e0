// Where the metagraph comes from, and how old it is.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"
#include "base/log.hpp"
#include "base/snapshot.hpp"
#include "policy/metagraph/metagraph.hpp"
#include "policy/metagraph/metagraph_copy.hpp"
#include "policy/metagraph/metagraph_reader.hpp"

namespace dojo::policy {

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
  using Clock = std::chrono::steady_clock;

  MetagraphSource(const MetagraphOptions& options, base::Descriptor folder, const base::Log& log,
                  std::function<WallTime()> now);
  /// What view() goes by.
  struct Shown {
    MetagraphReading held;
    MetagraphOptions options;
  };
  static bool is_fresh(const MetagraphReading& held, const MetagraphOptions& options, WallTime now);

  void take_saved();
  void publish();
  void forget();
  void run();
  bool wait_for_turn(std::unique_lock<std::mutex>& lock);
  void look(const MetagraphOptions& options, std::uint64_t epoch, bool forced);
  bool conclude(const Result<MetagraphReading>& reading);
  void failed(const std::string& message);
  void succeeded(const MetagraphReading& reading);
  void wait();
  [[nodiscard]] bool fresh(WallTime now) const;
  void tell_set_aside(const std::string& set_aside);
  void tell_if_stale();
  void cannot_look(std::string_view why);

  const base::Log log_;
  const std::function<WallTime()> now_;
  MetagraphReader reader_;
  const MetagraphCopy copy_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  MetagraphOptions options_;  // from here on: mutex_
  MetagraphReading held_;
  base::Snapshot<Shown> shown_{std::make_shared<const Shown>()};
  Status status_;            // what it counts, and its error
  std::uint64_t epoch_ = 0;  // of the source
  unsigned failures_in_a_row_ = 0;
  bool told_stale_ = false;
  std::string told_set_aside_;
  bool asked_ = false;
  bool stopping_ = false;
  Clock::time_point next_;
  std::minstd_rand dice_{std::random_device()()};
  std::thread thread_;
};

}  // namespace dojo::policy
