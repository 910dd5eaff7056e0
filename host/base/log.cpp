#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <exception>
#include <iterator>
#include <type_traits>
#include <variant>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <dojo/json/writer.hpp>

#include "base/log_writer.hpp"
#include "text/terminal.hpp"

namespace dojo::base {
namespace {

struct Level {
  std::string_view word;
  spdlog::level::level_enum level;
};
constexpr std::array<Level, 5> kLevels{{{"debug", spdlog::level::debug},
                                        {"info", spdlog::level::info},
                                        {"warning", spdlog::level::warn},
                                        {"error", spdlog::level::err},
                                        {"off", spdlog::level::off}}};

std::string_view word(spdlog::level::level_enum level) {
  return std::ranges::find(kLevels, level, &Level::level)->word;
}

// What one field may say. Texts of plugins and peers have no bound of their own.
constexpr std::size_t kLongestText = 4'096;  // bytes

std::string_view shortened(std::string_view text) {
  return text.substr(0, kLongestText);
}

/// Printable, on one line: what a peer sends must not be able to look like another line or move the
/// cursor.
void append_escaped(std::string& out, std::string_view text, bool quote_spaces) {
  const bool quoted =
      text.empty() || (quote_spaces && text.find_first_of(" \"=\\") != std::string_view::npos);
  if (quoted) out += '"';
  text = shortened(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    const auto length = byte >= 0x80 ? text::shown_as_it_is(text.substr(i)) : 0;
    if (length != 0) {
      out += text.substr(i, length);
      i += length - 1;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (quoted && (c == '"' || c == '\\')) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
  if (quoted) out += '"';
}

/// Numbers stand as they are: they hold nothing that would have to be escaped.
template <class Number>
void append_value(std::string& out, Number number) {
  fmt::format_to(std::back_inserter(out), "{}", number);
}
void append_value(std::string& out, std::string_view text) {
  append_escaped(out, text, true);
}

std::string text_line(std::string_view message, LogFields fields) {
  std::string line;
  // What a plugin says must not look like one of the fields.
  append_escaped(line, message.empty() ? "-" : message, message.find('=') != message.npos);
  for (const auto& [name, value] : fields) {
    line += ' ';
    line += name;
    line += '=';
    std::visit([&](const auto& one) { append_value(line, one); }, value.value());
  }
  return line;
}

/// JSON has no bytes that are no UTF-8; a log line must not end at them.
std::string utf8(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  return out;
}

std::string json_line(spdlog::level::level_enum level, std::string_view message, LogFields fields) {
  dojo::JsonWriter out;
  const auto safe = [](std::string_view whole) {
    const auto part = shortened(whole);
    return dojo::detail::is_utf8(part) ? std::string(part) : utf8(part);
  };
  const auto write = [&](const auto& value) {
    using Value = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<Value, std::string_view>) {
      out.string(safe(value));
    } else if constexpr (std::is_same_v<Value, bool>) {
      out.boolean(value);
    } else if constexpr (std::is_same_v<Value, double>) {
      std::isfinite(value) ? out.number(value) : out.null();
    } else {
      out.integer(value);
    }
  };
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  out.begin_object();
  out.key("time");
  out.string(fmt::format("{:%FT%T}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)))
                 .insert(19, fmt::format(".{:03}", now.time_since_epoch().count() % 1000)));
  out.key("level");
  out.string(word(level));
  out.key("message");
  out.string(safe(message));
  for (const auto& [name, value] : fields) {
    out.key(safe(name));
    std::visit(write, value.value());
  }
  out.end_object();
  return text::escaped_json(std::move(out).take());
}

const char* pattern(LogFormat format) {
  return format == LogFormat::json ? "%v" : "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v";
}

std::string line(LogFormat format, spdlog::level::level_enum level, std::string_view message,
                 LogFields fields) {
  return format == LogFormat::json ? json_line(level, message, fields) : text_line(message, fields);
}

constexpr const char* kColorEnd = "\033[m";
const char* color(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return "\033[36m";
    case spdlog::level::info:
      return "\033[32m";
    case spdlog::level::warn:
      return "\033[33m\033[1m";
    default:
      return "\033[31m\033[1m";
  }
}

/// Hands lines to a LogWriter.
class WriterSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  WriterSink(LogWriter& writer, bool colors) : writer_(writer), colors_(colors) {}

 protected:
  /// Nothing is thrown: spdlog would pass it over, and count no line.
  void sink_it_(const spdlog::details::log_msg& message) override {
    try {
      write(message);
    } catch (const std::exception&) {
      writer_.drop();
    }
  }
  void flush_() override {}

 private:
  void write(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    const std::string_view line(text.data(), text.size());
    if (!colors_) return writer_.write(line);
    const auto begin = message.color_range_start;
    const auto end = message.color_range_end;
    writer_.write(fmt::format("{}{}{}{}{}", line.substr(0, begin), color(message.level),
                              line.substr(begin, end - begin), kColorEnd, line.substr(end)));
  }

  LogWriter& writer_;
  const bool colors_;
};

/// What stands in the log in place of lines that were dropped.
LogWriter::Gap gap_of(LogFormat format) {
  const auto formatter = std::make_shared<spdlog::pattern_formatter>(pattern(format));
  return [formatter, format](std::uint64_t lost) {
    const auto text =
        line(format, spdlog::level::warn,
             "log lines are missing here: nobody read them in time, or memory was short",
             {{"lines", lost}});
    spdlog::memory_buf_t whole;
    formatter->format(
        {"dojo-host", spdlog::level::warn, spdlog::string_view_t(text.data(), text.size())}, whole);
    return std::string(whole.data(), whole.size());
  };
}

}  // namespace

Status Log::check_level(std::string_view level) {
  if (std::ranges::find(kLevels, level, &Level::word) != kLevels.end()) return {};
  return fail(fmt::format("log level \"{}\" is none of debug, info, warning, error, off", level));
}

Result<Log> Log::open(std::string_view level, LogFormat format) {
  if (auto status = check_level(level); !status) return Unexpected(status.error());
  const bool colors = format == LogFormat::text && isatty(STDERR_FILENO) != 0;
  auto writer = std::make_shared<LogWriter>(STDERR_FILENO, gap_of(format));
  auto sink =
      std::make_shared<spdlog::logger>("dojo-host", std::make_shared<WriterSink>(*writer, colors));
  sink->set_level(std::ranges::find(kLevels, level, &Level::word)->level);
  // Else it would write to standard error by itself, and wait there.
  sink->set_error_handler([](const std::string&) {});
  Log log(std::move(sink), format);
  log.writer_ = std::move(writer);
  return log;
}

Log::Log(std::shared_ptr<spdlog::logger> sink, LogFormat format)
    : sink_(std::move(sink)), format_(format) {
  sink_->set_pattern(pattern(format));
}

void Log::debug(std::string_view message, LogFields fields) const noexcept {
  write(spdlog::level::debug, message, fields);
}
void Log::info(std::string_view message, LogFields fields) const noexcept {
  write(spdlog::level::info, message, fields);
}
void Log::warning(std::string_view message, LogFields fields) const noexcept {
  write(spdlog::level::warn, message, fields);
}
void Log::error(std::string_view message, LogFields fields) const noexcept {
  write(spdlog::level::err, message, fields);
}
bool Log::debugs() const {
  return sink_->should_log(spdlog::level::debug);
}

void Log::write(spdlog::level::level_enum level, std::string_view message,
                LogFields fields) const noexcept {
  if (!sink_->should_log(level)) return;
  try {
    const auto text = line(format_, level, message, fields);
    sink_->log(level, spdlog::string_view_t(text.data(), text.size()));
  } catch (const std::exception&) {
    if (writer_) writer_->drop();
  }
}

bool Log::flush(std::chrono::milliseconds limit) const {
  return writer_ == nullptr || writer_->flush(limit);
}

}  // namespace dojo::base
