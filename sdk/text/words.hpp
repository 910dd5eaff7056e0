// The words of HTTP: names of headers, codings, schemes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include <dojo/header_fields.hpp>

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

using detail::same_word;
using detail::trim;

/// Cuts `list` at its first `separator`: the part before it is returned, trimmed, the rest stays.
constexpr std::string_view take(std::string_view& list, char separator) {
  const auto item = list.substr(0, list.find(separator));
  list.remove_prefix(std::min(item.size() + 1, list.size()));
  return trim(item);
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
