#include "log.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <simdjson.h>
#include <spdlog/sinks/stdout_color_sinks.h>

namespace dojo::host {
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

/// Bytes of a well-formed character of more than one byte that may be shown; 0 for anything else:
/// C1 controls (U+0080…9F), line and paragraph separators and what turns the writing's direction.
std::size_t shown_as_it_is(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const auto character = text.substr(0, lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2);
  if (!simdjson::validate_utf8(character.data(), character.size())) return 0;
  const bool moves = (character >= "\xc2\x80" && character <= "\xc2\x9f") ||
                     (character >= "\xe2\x80\xa8" && character <= "\xe2\x80\xae") ||
                     (character >= "\xe2\x81\xa6" && character <= "\xe2\x81\xa9");
  return moves ? 0 : character.size();
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
    const auto length = byte >= 0x80 ? shown_as_it_is(text.substr(i)) : 0;
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

std::string text_line(std::string_view message, LogFields fields) {
  std::string line;
  append_escaped(line, message.empty() ? "-" : message, false);
  for (const auto& [name, value] : fields) {
    line += ' ';
    line += name;
    line += '=';
    append_escaped(line, value, true);
  }
  return line;
}

/// RapidJSON would stop at bytes that are no UTF-8; a log line must not.
std::string utf8(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  return out;
}

std::string json_line(spdlog::level::level_enum level, std::string_view message, LogFields fields) {
  using Writer = rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                                   rapidjson::CrtAllocator, rapidjson::kWriteValidateEncodingFlag>;
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  const auto string = [&](std::string_view whole) {
    const auto text = shortened(whole);
    if (simdjson::validate_utf8(text.data(), text.size())) {
      out.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    } else {
      const auto safe = utf8(text);
      out.String(safe.data(), static_cast<rapidjson::SizeType>(safe.size()));
    }
  };
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  out.StartObject();
  string("time");
  string(fmt::format("{:%FT%T}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)))
             .insert(19, fmt::format(".{:03}", now.time_since_epoch().count() % 1000)));
  string("level");
  string(word(level));
  string("message");
  string(message);
  for (const auto& [name, value] : fields) {
    string(name);
    string(value);
  }
  out.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

Result<Log> Log::open(std::string_view level, LogFormat format) {
  const auto* known = std::ranges::find(kLevels, level, &Level::word);
  if (known == kLevels.end()) {
    return fail(fmt::format("log level \"{}\" is none of debug, info, warning, error, off", level));
  }
  auto sink = std::make_shared<spdlog::logger>(
      "dojo-host", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  sink->set_level(known->level);
  return Log(std::move(sink), format);
}

Log::Log(std::shared_ptr<spdlog::logger> sink, LogFormat format)
    : sink_(std::move(sink)), format_(format) {
  sink_->set_pattern(format == LogFormat::json ? "%v" : "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
  sink_->flush_on(spdlog::level::warn);
}

void Log::debug(std::string_view message, LogFields fields) const {
  write(spdlog::level::debug, message, fields);
}
void Log::info(std::string_view message, LogFields fields) const {
  write(spdlog::level::info, message, fields);
}
void Log::warning(std::string_view message, LogFields fields) const {
  write(spdlog::level::warn, message, fields);
}
void Log::error(std::string_view message, LogFields fields) const {
  write(spdlog::level::err, message, fields);
}
bool Log::debugs() const {
  return sink_->should_log(spdlog::level::debug);
}

void Log::write(spdlog::level::level_enum level, std::string_view message, LogFields fields) const {
  if (!sink_->should_log(level)) return;
  const auto line =
      format_ == LogFormat::json ? json_line(level, message, fields) : text_line(message, fields);
  sink_->log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace dojo::host
