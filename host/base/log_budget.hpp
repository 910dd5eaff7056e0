// Keeps what callers can cause from flooding the log.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/log.hpp"

namespace dojo::base {

/// So many lines a second; what is left out is counted, and told once the second is over. Any
/// thread.
class LogBudget {
 public:
  explicit LogBudget(const Log& log) : log_(log) {}

  /// @return whether one more line may be written
  bool take() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    if (second_.exchange(second) != second) {
      if (const auto asked = asked_.exchange(0); asked > kLinesPerSecond) {
        log_.warning("more lines of one kind than are logged",
                     {{"left_out", asked - kLinesPerSecond}});
      }
    }
    return ++asked_ <= kLinesPerSecond;
  }

 private:
  static constexpr std::uint64_t kLinesPerSecond = 100;
  const Log& log_;
  std::atomic<std::int64_t> second_{0};
  std::atomic<std::uint64_t> asked_{0};
};

}  // namespace dojo::base
