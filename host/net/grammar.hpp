// The few rules of HTTP's grammar (RFC 9110, 5.6; RFC 3986, 3.2) that several files check against.
#pragma once

#include <string_view>

namespace dojo::net {

/// True for a non-empty `token`: a method's or a field's name.
[[nodiscard]] bool is_token(std::string_view text);
/// True if there is no control character in it but tabs.
[[nodiscard]] bool is_text(std::string_view text);
/// True for `uri-host [ ":" port ]`; an empty host is one by the grammar.
[[nodiscard]] bool is_host(std::string_view text);
/// Compared without case, as field names are.
[[nodiscard]] bool same_word(std::string_view a, std::string_view b);

}  // namespace dojo::net
