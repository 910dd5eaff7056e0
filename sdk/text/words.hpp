// The words of HTTP: names of headers, codings, schemes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace dojo::text {

/// By byte: whether it is one of a token's (tchar of RFC 9110 §5.6.2).
inline constexpr auto kTokenBytes = [] {
  std::array<bool, 256> set{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    set[static_cast<unsigned char>(c)] = true;
  return set;
}();

/// Whether it is a token: RFC 9110 §5.6.2.
constexpr bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return kTokenBytes[static_cast<unsigned char>(c)];
  });
}

/// Whether two are the same but for the case of their letters, A to Z.
constexpr bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

/// Whether it may be an `x-request-id`: one that a host does not replace by its own (docs/wire.md).
constexpr bool is_request_id(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

}  // namespace dojo::text
