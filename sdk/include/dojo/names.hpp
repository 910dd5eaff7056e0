// What plugins, routes and metrics may be called: one rule for dojo-host, and for dojo/testing.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <dojo/cxx20.hpp>

namespace dojo {

namespace detail {

/// @param punctuation what stands beside letters and digits @param longest in characters
constexpr bool is_name(std::string_view text, std::string_view punctuation, std::size_t longest) {
  return !text.empty() && text.size() <= longest && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           punctuation.find(c) != std::string_view::npos;
  });
}

/// Takes a word off the front of words with a space between.
constexpr std::string_view take_word(std::string_view& words) {
  const auto word = words.substr(0, words.find(' '));
  words.remove_prefix(std::min(word.size() + 1, words.size()));
  return word;
}

}  // namespace detail

/// A plugin's name: 1 to 64 letters, digits, '_' or '-'. Also safe as a file's name.
constexpr bool is_plugin_name(std::string_view text) {
  return detail::is_name(text, "_-", 64);
}

/// A route's: 1 to 128 letters, digits, '_', '-' or '.', and not dots alone.
constexpr bool is_route_name(std::string_view text) {
  return detail::is_name(text, "_-.", 128) && text.find_first_not_of('.') != std::string_view::npos;
}

/// A counter's or histogram's: 1 to 64 letters, digits or '_'.
constexpr bool is_metric_name(std::string_view text) {
  return detail::is_name(text, "_", 64);
}

/// A route's path: "/v1/score", or "/v1/*". What may stand in a request line, without a query.
constexpr bool is_route_path(std::string_view text) {
  constexpr std::size_t kLongest = 1'024;
  if (text.ends_with("/*")) text.remove_suffix(1);
  return text.starts_with('/') && text.size() <= kLongest && std::ranges::all_of(text, [](char c) {
           return c > ' ' && c <= '~' && std::string_view("?#*").find(c) == std::string_view::npos;
         });
}

/// A route's methods: words in capitals with a space between. Not what is about the connection
/// itself (RFC 9110, 9.3.6, 9.3.8).
constexpr bool are_route_methods(std::string_view text) {
  constexpr std::size_t kLongest = 128;
  if (text.empty() || text.size() > kLongest || text.ends_with(' ')) return false;
  while (!text.empty()) {
    const auto word = detail::take_word(text);
    const bool capitals = std::ranges::all_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (word.empty() || !capitals || word == "CONNECT" || word == "TRACE") return false;
  }
  return true;
}

/// Whether a method is one of a route's. @param methods "GET POST"
constexpr bool takes_method(std::string_view methods, std::string_view method) {
  while (!methods.empty()) {
    if (detail::take_word(methods) == method) return true;
  }
  return false;
}

}  // namespace dojo
