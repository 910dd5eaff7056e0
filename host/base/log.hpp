// The host's log: a message and fields, as a line for people or as a JSON object.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include <spdlog/logger.h>

#include <dojo/result.hpp>

namespace dojo::base {

enum class LogFormat { text, json };

/// A text, which it points to, or a number: JSON lines have numbers as numbers.
class LogValue {
 public:
  template <std::convertible_to<std::string_view> T>
  LogValue(const T& text) : value_(std::string_view(text)) {}  // NOLINT(*-explicit-*): for braces
  template <std::integral T>
  LogValue(T number) : value_(wide(number)) {}  // NOLINT(*-explicit-*)
  LogValue(double number) : value_(number) {}   // NOLINT(*-explicit-*)

  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;
  [[nodiscard]] const Value& value() const { return value_; }

 private:
  template <std::integral T>
  static Value wide(T number) {
    if constexpr (std::is_same_v<T, bool>) {
      return number;
    } else if constexpr (std::is_signed_v<T>) {
      return std::int64_t{number};
    } else {
      return std::uint64_t{number};
    }
  }
  Value value_;
};

/// Names and values that belong to a message. Values are escaped, so that no peer can forge a line.
/// Never a body, a signature or a secret.
using LogFields = std::initializer_list<std::pair<std::string_view, LogValue>>;

class LogWriter;

/// Writes to standard error. Never waits for who reads there, and never throws: lines that are not
/// read, or for which there is no memory, are dropped and counted, see log_writer.hpp. Any thread.
class Log {
 public:
  /// @param level "debug", "info", "warning", "error" or "off"
  static Result<Log> open(std::string_view level, LogFormat format);
  /// What open() would say of a level.
  static Status check_level(std::string_view level);
  /// Writes through a logger of the caller's; tests read what arrives there.
  Log(std::shared_ptr<spdlog::logger> sink, LogFormat format);

  void debug(std::string_view message, LogFields fields = {}) const noexcept;
  void info(std::string_view message, LogFields fields = {}) const noexcept;
  void warning(std::string_view message, LogFields fields = {}) const noexcept;
  void error(std::string_view message, LogFields fields = {}) const noexcept;
  [[nodiscard]] bool debugs() const;
  /// Waits until what was logged is written, for a process that ends without destructors.
  /// @return whether it is
  bool flush(std::chrono::milliseconds limit) const;

 private:
  void write(spdlog::level::level_enum level, std::string_view message,
             LogFields fields) const noexcept;

  std::shared_ptr<LogWriter> writer_;  // null if the logger is the caller's
  std::shared_ptr<spdlog::logger> sink_;
  LogFormat format_;
};

}  // namespace dojo::base
