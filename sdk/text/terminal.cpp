#include "text/terminal.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

namespace dojo::text {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t size = 0;  ///< bytes
};

/// The UTF-8 character at the front of `text`, if there is one: not too long, no surrogate, not
/// beyond U+10FFFF (RFC 3629).
std::optional<Character> first_of(std::string_view text) {
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return Character{lead, 1};
  const std::size_t size = lead < 0xc2   ? 0
                           : lead < 0xe0 ? 2
                           : lead < 0xf0 ? 3
                           : lead < 0xf5 ? 4
                                         : 0;
  if (size == 0 || text.size() < size) return std::nullopt;
  char32_t code = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0U) != 0x80U) return std::nullopt;
    code = code << 6U | (byte & 0x3fU);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast.at(size) || surrogate || code > 0x10ffff) return std::nullopt;
  return Character{code, size};
}

/// Unicode's categories Cc, Zl, Zp and its property Bidi_Control.
bool moves(char32_t code) {
  struct Range {
    char32_t first;
    char32_t last;
  };
  constexpr std::array<Range, 6> kRanges = {{{0x00, 0x1f},
                                             {0x7f, 0x9f},
                                             {0x061c, 0x061c},
                                             {0x200e, 0x200f},
                                             {0x2028, 0x202e},
                                             {0x2066, 0x2069}}};
  return std::ranges::any_of(
      kRanges, [code](Range range) { return code >= range.first && code <= range.last; });
}

}  // namespace

std::size_t shown_as_it_is(std::string_view text) {
  const auto character = first_of(text);
  return character && !moves(character->code) ? character->size : 0;
}

std::string escaped(std::string_view text, std::string_view keep) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto size = shown_as_it_is(text);
    if (size == 0 && keep.find(text.front()) != std::string_view::npos) size = 1;
    if (size == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
      size = 1;
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

std::string escaped_json(std::string_view json) {
  constexpr std::string_view kSpace = "\n\t\r";  // between values
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const auto character = first_of(json);
    const auto size = character ? character->size : 1;
    if (!character) {
      out += "\\ufffd";
    } else if (moves(character->code) && kSpace.find(json.front()) == std::string_view::npos) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(character->code));
    } else {
      out += json.substr(0, size);
    }
    json.remove_prefix(size);
  }
  return out;
}

std::string printable(std::string_view text, std::size_t longest) {
  std::string shown;
  while (!text.empty() && shown.size() < longest) {
    const auto size = shown_as_it_is(text);
    if (size > longest - shown.size()) break;
    if (size == 0) {
      shown += ' ';
    } else {
      shown += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return shown;
}

}  // namespace dojo::text
