// What a stranger wrote, so that a terminal and the lines of a log can be shown it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dojo::text {

/// Bytes of the character at the front of `text` (which is not empty) if it may be shown as it is;
/// 0 for what a terminal may obey or what turns the writing's direction: C0 and DEL, C1
/// (U+0080…9F), line and paragraph separators, bidi controls; and for a byte that is no part of
/// UTF-8.
std::size_t shown_as_it_is(std::string_view text);

/// The text with \xNN for each byte of what may not be shown as it is.
/// @param keep control characters that may, such as "\n\t"
std::string escaped(std::string_view text, std::string_view keep = {});

/// The same JSON, with \uNNNN for what may not be shown as it is; that stands in strings alone.
/// Bytes that are no UTF-8 become \ufffd.
std::string escaped_json(std::string_view json);

/// A foreign text for a line of a log or of a terminal, cut to `longest` bytes: a space stands for
/// each byte of what may not be shown as it is.
std::string printable(std::string_view text, std::size_t longest);

}  // namespace dojo::text
