// Editors of other systems begin UTF-8 files with U+FEFF.
#pragma once

#include <string_view>

namespace dojo::text {

/// A file's text behind its byte order mark, if it has one.
constexpr std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

}  // namespace dojo::text
