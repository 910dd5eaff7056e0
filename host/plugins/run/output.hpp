// What a worker process prints, as lines for the log.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace dojo::plugins {

/// Cuts long lines, and lets through so many a second: a plugin that prints without end is no
/// reason to fill a disk. One thread at a time.
class Output {
 public:
  static constexpr std::size_t kLongestLine = 1024;  ///< bytes
  static constexpr std::uint64_t kLinesPerSecond = 100;

  using Tell = std::function<void(std::string_view line)>;
  /// @param tell gets each line, without its end, as it was printed: not yet fit for a terminal
  explicit Output(Tell tell) : tell_(std::move(tell)) {}

  void add(std::string_view bytes, std::chrono::seconds now);
  /// Nothing more will come.
  void end();

 private:
  void take(std::string_view piece);
  void end_line(std::chrono::seconds now);
  void tell_of_left_out();

  const Tell tell_;
  std::string line_;     // that has no end yet
  std::size_t cut_ = 0;  // bytes of it that are not in line_
  std::chrono::seconds second_{};
  std::uint64_t lines_ = 0;     // in that second
  std::uint64_t left_out_ = 0;  // lines, of which nobody has been told
};

}  // namespace dojo::plugins
