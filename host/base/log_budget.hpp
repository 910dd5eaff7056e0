// Keeps what callers can cause from flooding the log.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/log.hpp"

namespace dojo::base {

/// So many lines and bytes a second; what is left out is counted, and told once the second is over.
/// Any thread.
class LogBudget {
 public:
  static constexpr std::uint64_t kLinesPerSecond = 100;
  static constexpr std::uint64_t kBytesPerSecond = 32'768;

  /// @param kind of the lines, for who reads how many were left out; lives as long as this
  explicit LogBudget(const Log& log, std::string_view kind = {}) : log_(log), kind_(kind) {}

  /// @param bytes of the line, about @return whether one more line may be written
  bool take(std::size_t bytes = 0) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return take_in(std::chrono::duration_cast<std::chrono::seconds>(now).count(), bytes);
  }
  /// The same in that second; tests choose it.
  bool take_in(std::int64_t second, std::size_t bytes) {
    if (second_.exchange(second) != second) {
      lines_ = bytes_ = 0;
      if (const auto left_out = left_out_.exchange(0); left_out > 0) {
        log_.warning("more lines of one kind than are logged",
                     {{"kind", kind_}, {"left_out", left_out}});
      }
    }
    const bool fits =
        ++lines_ <= kLinesPerSecond && bytes_.fetch_add(bytes) + bytes <= kBytesPerSecond;
    if (fits) return true;
    ++left_out_;
    return false;
  }

 private:
  const Log& log_;
  const std::string_view kind_;
  std::atomic<std::int64_t> second_{0};
  std::atomic<std::uint64_t> lines_{0};  // in that second
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> left_out_{0};
};

}  // namespace dojo::base
