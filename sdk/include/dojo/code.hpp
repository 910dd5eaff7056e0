// The protocol's own status of an answer, apart from HTTP's: the words of the `x-dojo-code` header.
// Metrics and logs use the same words. docs/wire.md lists them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <dojo/cxx20.hpp>

namespace dojo {

enum class Code : std::uint8_t {
  ok,              ///< answered
  no_signature,    ///< "unsigned": a signing header is missing
  malformed,       ///< a header, the framing or the signature's form is wrong
  bad_signature,   ///< well formed, and not signed by that hotkey over that message
  stale,           ///< outside the time window, or older than the host itself
  replayed,        ///< seen before
  wrong_receiver,  ///< signed for another miner, method or path
  blacklisted,  ///< refused by rules: HTTP 200 with an error, so that the caller does not try again
  quota,        ///< too many requests
  not_found,    ///< no such route or method
  too_large,    ///< over a size budget
  invalid_body,  ///< not zstd, not JSON, or not the model
  handler,       ///< the handler answered with an HTTP error of its own
  internal,      ///< the handler or the host failed
  deadline,      ///< no answer in time
  overloaded,    ///< the queue is full
  draining,      ///< the host is going down
  no_session,    ///< "no-session": the session is not known here, or has expired
};

inline constexpr std::array<std::string_view, 18> kCodeWords = {
    "ok",         "unsigned",       "malformed",   "bad-signature", "stale",
    "replayed",   "wrong-receiver", "blacklisted", "quota",         "not-found",
    "too-large",  "invalid-body",   "handler",     "internal",      "deadline",
    "overloaded", "draining",       "no-session"};

/// The word of `x-dojo-code`.
constexpr std::string_view to_string(Code code) {
  return kCodeWords[static_cast<std::size_t>(code)];
}

/// The code a word stands for, or nothing.
constexpr std::optional<Code> parse_code(std::string_view word) {
  for (std::size_t i = 0; i < kCodeWords.size(); ++i) {
    if (kCodeWords[i] == word) return static_cast<Code>(i);
  }
  return std::nullopt;
}

}  // namespace dojo
