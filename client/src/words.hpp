// Header names and encodings are compared in any case.
#pragma once

#include <string_view>

#include <strings.h>

namespace dojo::detail {

inline bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace dojo::detail
