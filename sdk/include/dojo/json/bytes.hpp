// Bytes: a text in base64, as Pydantic's Base64Bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/json/json.hpp>

namespace dojo {

/// Written in base64 (RFC 4648, section 4). Read strictly: whole groups, padded, no other
/// characters; but a line feed may stand behind each group, since Pydantic before 2.10 writes some.
using Bytes = std::vector<std::byte>;

namespace detail {

template <>
inline constexpr bool kMayBeField<Bytes> = true;

inline constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

inline constexpr auto kBase64Values = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}();

inline std::string encode_base64(const Bytes& bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) {
      return i + k < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0;
    };
    const std::uint32_t group = (at(0) << 16) | (at(1) << 8) | at(2);
    const auto letter = [&](unsigned shift) { return kBase64[(group >> shift) & 63]; };
    text += letter(18);
    text += letter(12);
    text += i + 1 < bytes.size() ? letter(6) : '=';
    text += i + 2 < bytes.size() ? letter(0) : '=';
  }
  return text;
}

inline bool decode_base64(std::string_view text, Bytes& out) {
  out.clear();
  out.reserve(text.size() / 4 * 3);
  bool ended = false;
  while (!text.empty()) {
    if (!out.empty() && text.front() == '\n') {
      text.remove_prefix(1);
      continue;
    }
    if (ended || text.size() < 4) return false;
    const std::size_t letters = text[3] != '=' ? 4 : text[2] != '=' ? 3 : 2;
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const auto value = i < letters ? kBase64Values[static_cast<unsigned char>(text[i])] : 0;
      if (value < 0) return false;
      group = (group << 6) | static_cast<std::uint32_t>(value);
    }
    // What the padding leaves over is zero: else several texts would be the same bytes.
    if ((letters == 2 && (group & 0xFFFF) != 0) || (letters == 3 && (group & 0xFF) != 0)) {
      return false;
    }
    for (std::size_t i = 0; i + 1 < letters; ++i) {
      out.push_back(static_cast<std::byte>((group >> (16 - 8 * i)) & 0xFF));
    }
    ended = letters != 4;
    text.remove_prefix(4);
  }
  return true;
}

}  // namespace detail

template <>
struct Json<Bytes> {
  static constexpr JsonKinds kKinds{JsonKind::string};
  static bool read(JsonReader& in, Bytes& out, Fault& fault) {
    std::string_view text;
    if (in.string(text) != JsonReader::Read::yes) return in.refuse(fault, "string of base64");
    return detail::decode_base64(text, out) ||
           fault.add("expected string of base64, got another string");
  }
  static bool write(JsonWriter& out, const Bytes& value, Fault&) {
    return out.string(detail::encode_base64(value));
  }
  static void describe(SchemaWriter& out) {
    out.member("type", "string");
    out.member("contentEncoding", "base64");
  }
};

}  // namespace dojo
