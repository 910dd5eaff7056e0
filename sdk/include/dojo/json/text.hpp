// What reading and writing JSON have in common: which bytes of a text stand for themselves.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <dojo/cxx20.hpp>

namespace dojo::detail {

/// The first byte that a JSON string may not hold as it is, or that begins a character of several
/// bytes: a quote, a backslash, a control character, or 0x80 and above. Eight bytes at a time, as
/// in Mycroft's test for a zero byte.
inline const char* skip_plain(const char* at, const char* end) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = kOnes * 0x80;
  while (end - at >= 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, at, sizeof bytes);
    const auto quote = bytes ^ (kOnes * '"');
    const auto slash = bytes ^ (kOnes * '\\');
    const auto special = ((quote - kOnes) & ~quote) | ((slash - kOnes) & ~slash) |
                         ((bytes - kOnes * 0x20) & ~bytes) | bytes;
    if ((special & kHigh) == 0) {
      at += 8;
      continue;
    }
    if constexpr (std::endian::native != std::endian::little) break;
    return at + std::countr_zero(special & kHigh) / 8;
  }
  while (at != end) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
    ++at;
  }
  return at;
}

/// How many bytes the UTF-8 character at `at` has (RFC 3629, table 3-7 of Unicode): 1 to 4, or 0 if
/// there is none. `at` is before `end`.
inline std::size_t utf8_length(const char* at, const char* end) noexcept {
  const auto byte = [&](std::ptrdiff_t i) { return static_cast<unsigned char>(at[i]); };
  const auto follows = [&](std::ptrdiff_t i, unsigned least = 0x80, unsigned most = 0xBF) {
    return end - at > i && byte(i) >= least && byte(i) <= most;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return follows(1) ? 2 : 0;
  if (lead < 0xF0) {
    const bool second = follows(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);
    return second && follows(2) ? 3 : 0;
  }
  if (lead > 0xF4) return 0;
  const bool second = follows(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
  return second && follows(2) && follows(3) ? 4 : 0;
}

inline bool is_utf8(std::string_view text) noexcept {
  const auto* at = text.data();
  const auto* const end = at + text.size();
  while (at != end) {
    const auto length = utf8_length(at, end);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

}  // namespace dojo::detail
