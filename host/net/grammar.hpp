// The few rules of HTTP's grammar (RFC 9110, 5.6; RFC 3986, 3.2) that several files check against.
#pragma once

#include <string_view>

namespace dojo::net {

/// True if there is no control character in it but tabs.
[[nodiscard]] bool is_text(std::string_view text);
/// True for `uri-host [ ":" port ]`; an empty host is one by the grammar.
[[nodiscard]] bool is_host(std::string_view text);

}  // namespace dojo::net
