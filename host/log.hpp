// The host's log: a message and fields, as a line for people or as a JSON object.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <spdlog/logger.h>

#include <dojo/result.hpp>

namespace dojo::host {

enum class LogFormat { text, json };

/// Names and values that belong to a message. Values are escaped, so that no peer can forge a line.
/// Never a body, a signature or a secret.
using LogFields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Writes to standard error. Any thread.
class Log {
 public:
  /// @param level "debug", "info", "warning", "error" or "off"
  static Result<Log> open(std::string_view level, LogFormat format);
  /// Writes through a logger of the caller's; tests read what arrives there.
  Log(std::shared_ptr<spdlog::logger> sink, LogFormat format);

  void debug(std::string_view message, LogFields fields = {}) const;
  void info(std::string_view message, LogFields fields = {}) const;
  void warning(std::string_view message, LogFields fields = {}) const;
  void error(std::string_view message, LogFields fields = {}) const;
  [[nodiscard]] bool debugs() const;

 private:
  void write(spdlog::level::level_enum level, std::string_view message, LogFields fields) const;

  std::shared_ptr<spdlog::logger> sink_;
  LogFormat format_;
};

}  // namespace dojo::host
