// Writes JSON without white space.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <dojo/cxx20.hpp>
#include <dojo/json/text.hpp>

namespace dojo {

/// Values in the order in which they are to stand. Commas come by themselves.
class JsonWriter {
 public:
  void begin_object() { begin('{'); }
  void end_object() { out_ += '}'; }
  void begin_array() { begin('['); }
  void end_array() { out_ += ']'; }

  /// @return false for what is no UTF-8
  bool key(std::string_view name) {
    if (!string(name)) return false;
    out_ += ':';
    return true;
  }
  /// @return false for what is no UTF-8
  bool string(std::string_view text);
  void null() { raw("null"); }
  void boolean(bool value) { raw(value ? "true" : "false"); }
  template <std::integral T>
  void integer(T value) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  /// The shortest text that is read as the same number; one that is integral keeps a `.0`.
  /// @param value finite
  void number(double value);
  /// @param json what stands there as it is
  void raw(std::string_view json) {
    separate();
    out_ += json;
  }

  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  // No value ends with what may stand before the first one.
  void separate() {
    if (!out_.empty() && out_.back() != '{' && out_.back() != '[' && out_.back() != ':') {
      out_ += ',';
    }
  }
  void begin(char bracket) {
    separate();
    out_ += bracket;
  }
  void escape(char byte);

  std::string out_;
};

inline bool JsonWriter::string(std::string_view text) {
  separate();
  out_ += '"';
  const auto* at = text.data();
  const auto* const end = at + text.size();
  for (const auto* from = at;; from = at) {
    at = detail::skip_plain(at, end);
    while (at != end && static_cast<unsigned char>(*at) >= 0x80) {
      const auto length = detail::utf8_length(at, end);
      if (length == 0) return false;
      at = detail::skip_plain(at + length, end);
    }
    out_.append(from, static_cast<std::size_t>(at - from));
    if (at == end) break;
    escape(*at++);
  }
  out_ += '"';
  return true;
}

inline void JsonWriter::escape(char byte) {
  constexpr std::string_view kBytes = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  out_ += '\\';
  if (const auto found = kBytes.find(byte); found != std::string_view::npos) {
    out_ += kLetters[found];
    return;
  }
  out_ += "u00";
  out_ += kHex[static_cast<unsigned char>(byte) >> 4];
  out_ += kHex[static_cast<unsigned char>(byte) & 15];
}

inline void JsonWriter::number(double value) {
  constexpr int kLongest = 21;  // digits before the point, zeros among them
  constexpr int kSmallest = -6;
  std::array<char, 32> text{};
  const auto* const end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific)
          .ptr;
  // "-d.ddde±xx": the digits without the point, and where the point has to stand among them.
  std::string_view shortest(text.data(), static_cast<std::size_t>(end - text.data()));
  separate();
  if (shortest.front() == '-') {
    out_ += '-';
    shortest.remove_prefix(1);
  }
  const auto e = shortest.find('e');
  auto power = shortest.substr(e + 1);
  if (power.front() == '+') power.remove_prefix(1);
  int exponent = 0;
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  std::string digits(1, shortest.front());
  if (e > 2) digits += shortest.substr(2, e - 2);
  const int point = exponent + 1;
  const int count = static_cast<int>(digits.size());
  if (point > kLongest || point <= kSmallest) {
    out_ += digits.front();
    if (count > 1) out_.append(".").append(digits, 1);
    out_ += 'e' + std::to_string(exponent);
  } else if (point <= 0) {
    out_.append("0.").append(static_cast<std::size_t>(-point), '0') += digits;
  } else if (point >= count) {
    out_.append(digits).append(static_cast<std::size_t>(point - count), '0') += ".0";
  } else {
    out_.append(digits, 0, static_cast<std::size_t>(point)) += '.';
    out_.append(digits, static_cast<std::size_t>(point));
  }
}

}  // namespace dojo
