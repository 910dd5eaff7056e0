// Who called, as a proxy says it in a request's head: `Forwarded` (RFC 7239) or `X-Forwarded-For`.
// To be believed of proxies that the operator named alone, since anybody can write one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "net/head.hpp"

namespace dojo::net {

/// What the fields of a head say.
struct Forwarded {
  enum class State {
    absent,   ///< there are none
    unnamed,  ///< they name nobody: a hidden or unknown caller, or proxies alone
    named,
    malformed,  ///< why
  };
  State state = State::absent;
  base::IpAddress caller{};  ///< if named
  std::string_view why{};    ///< if malformed: a short fixed text
};

/// Each proxy adds at the end whom it was called by, so that what is not the callers' own invention
/// is read from there: up to the first one who is none of `proxies`. A caller may have written a
/// field that its proxy does not know and passes on; so where both are there they have to agree.
Forwarded read_forwarded(const Head& head, std::span<const base::Network> proxies);

/// The values of `for` of one field, in their order; empty where an element has none.
/// @return nothing if it is not of RFC 7239's grammar, where white space around `;` is let pass
std::optional<std::vector<std::string>> parse_forwarded(std::string_view field);

/// The address of a node: IPv4, or IPv6 in brackets or bare, the first two with a port or without.
/// @return nothing for names that are none, such as `unknown` and `_hidden`
std::optional<base::IpAddress> parse_node(std::string_view text);

}  // namespace dojo::net
