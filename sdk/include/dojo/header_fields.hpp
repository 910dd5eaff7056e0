// Header fields as lines: how they come to a plugin, and go back.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include <dojo/cxx20.hpp>

namespace dojo::detail {

/// Whether two are the same but for the case of their letters, A to Z.
constexpr bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

/// Without the blanks and tabs around it.
constexpr std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// Calls `visit(name, value)` for each field. @param fields "name: value\r\n" for each; a line
/// without a colon has no name
template <class Visit>
constexpr void for_each_field(std::string_view fields, Visit visit) {
  while (!fields.empty()) {
    auto line = fields.substr(0, fields.find('\n'));
    fields.remove_prefix(std::min(line.size() + 1, fields.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto colon = line.find(':');
    const bool named = colon != std::string_view::npos;
    visit(named ? line.substr(0, colon) : std::string_view(),
          trim(named ? line.substr(colon + 1) : line));
  }
}

/// The value of the first field of that name, in any case.
constexpr std::optional<std::string_view> find_field(std::string_view fields,
                                                     std::string_view name) {
  std::optional<std::string_view> found;
  for_each_field(fields, [&](std::string_view its_name, std::string_view value) {
    if (!found && same_word(its_name, name)) found = value;
  });
  return found;
}

}  // namespace dojo::detail
