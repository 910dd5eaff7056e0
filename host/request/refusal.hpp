// Why a request is not answered by a handler.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <dojo/code.hpp>

namespace dojo::request {

/// How answers look, as the request's dialect has it (docs/wire.md, Answers).
enum class Style : std::uint8_t {
  envelope,  ///< body, error and metadata in one object
  bare,      ///< the body itself, or an object that has the error alone: btauth/1
};

/// The HTTP status that goes with a code in an envelope where nothing else is said (docs/wire.md,
/// status table).
constexpr int envelope_status(Code code) {
  switch (code) {
    case Code::ok:
    case Code::blacklisted:  // apart from HTTP's status, so that callers do not try again
    case Code::internal:     // as the original answers a handler that failed
      return 200;
    case Code::no_signature:
    case Code::malformed:
    case Code::invalid_body:
    case Code::handler:
      return 400;
    case Code::bad_signature:
    case Code::stale:
    case Code::replayed:
    case Code::wrong_receiver:
    case Code::no_session:
      return 403;
    case Code::not_found:
      return 404;
    case Code::too_large:
      return 413;
    case Code::quota:
      return 429;
    case Code::overloaded:
    case Code::draining:
      return 503;
    case Code::deadline:
      return 504;
  }
  return 500;
}

/// The same without one, where HTTP's status is all that callers go by: what differs, and the rest.
constexpr int bare_status(Code code) {
  switch (code) {
    case Code::no_signature:
    case Code::malformed:
    case Code::bad_signature:
    case Code::stale:
    case Code::replayed:
    case Code::wrong_receiver:
    case Code::no_session:
      return 401;
    case Code::blacklisted:
      return 403;
    case Code::invalid_body:
      return 422;
    case Code::internal:
      return 500;
    default:
      return envelope_status(code);
  }
}

constexpr int http_status(Style style, Code code) {
  return style == Style::bare ? bare_status(code) : envelope_status(code);
}

struct Refusal {
  Code code = Code::internal;
  std::string told{};    ///< the caller's `error`: short, and nothing a stranger should not know
  std::string reason{};  ///< for the log, where it says more than `told`
  std::optional<int> status{};  ///< HTTP's, if not http_status() of the code
  std::optional<std::chrono::seconds> retry_after{};
  std::string allow{};  ///< the Allow header of a 405
  std::string
      rule{};  ///< what made it, where the code does not say it all: a rule's or a quota's name
  bool close = false;  ///< end the caller's connection with it
};

/// What new requests get once the host goes down.
inline Refusal draining() {
  return {Code::draining,
          "Service Unavailable: this host is going down",
          {},
          {},
          std::chrono::seconds(1)};
}

/// @param wait until it may be better; 0: not known
inline Refusal overloaded(std::chrono::nanoseconds wait = {}, std::string reason = {}) {
  return {Code::overloaded,
          "Service Unavailable: too many requests are waiting",
          std::move(reason),
          {},
          std::max(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1))};
}

}  // namespace dojo::request
