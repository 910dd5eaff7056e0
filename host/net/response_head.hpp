// The head of an answer as bytes.
#pragma once

#include <string>
#include <string_view>

#include "net/exchange.hpp"

namespace dojo::net {

/// What a head says beside what its Response does.
struct HeadFacts {
  bool http11 = true;
  bool keep_alive = true;
  std::string_view date;  ///< as in RFC 9110, 5.6.7
  bool streamed =
      false;  ///< its body's length is not known: chunks to HTTP/1.1, else until the end
};

/// False if the answer cannot be sent as it is: its status is not a final one, or a header is not
/// sound.
[[nodiscard]] bool is_sendable(const Response& response);

/// Appends the head of a sendable answer to `out`.
void append_head(const Response& response, const HeadFacts& facts, std::string& out);

/// False for 204 and 304, which end after their head whatever it says.
[[nodiscard]] bool may_have_body(int status);

}  // namespace dojo::net
