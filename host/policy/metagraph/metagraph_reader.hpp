// Reading the metagraph where the config says.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

#include <dojo/result.hpp>

#include "policy/metagraph/http_get.hpp"
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

/// Where it comes from, in one form of the several that mean the same.
std::string source_of(const MetagraphOptions& options);

/// A metagraph and when it was so.
struct MetagraphReading {
  std::shared_ptr<const Metagraph> metagraph;
  WallTime at;
};

/// One reading after another, on one thread; give_up() is for any, and arm() too.
class MetagraphReader {
 public:
  explicit MetagraphReader(std::function<WallTime()> now) : now_(std::move(now)) {}

  /// @param forced also a file that has not changed since it was last read
  /// @return nothing if it has not; an error also if it is of another netuid
  std::optional<Result<MetagraphReading>> read(const MetagraphOptions& options, bool forced);
  /// From now on read() of a URL fails, also the one under way, until arm().
  void give_up() { http_.give_up(); }
  void arm() { http_.arm(); }

 private:
  /// What tells one state of a file from another. All zero: it is not there.
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  static Stamp stamp_of(const std::filesystem::path& file);

  const std::function<WallTime()> now_;
  HttpGet http_;
  std::optional<Stamp> seen_;
};

}  // namespace dojo::policy
