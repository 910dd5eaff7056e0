// Sessions of the dialect dojo/1: opening one, and requests that come on one. docs/wire.md
// describes them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <dojo/wire/keypair.hpp>

#include "net/head.hpp"
#include "policy/session/session_store.hpp"
#include "request/dialect.hpp"
#include "request/refusal.hpp"

namespace dojo::request {

/// Any thread.
class Sessions {
 public:
  /// What opens one is not longer.
  static constexpr std::size_t kMostBytes = 1'024;

  /// @param store must outlive it @param identity the host's hotkey, which signs for each session;
  /// without it there are none
  Sessions(policy::SessionStore& store, std::optional<wire::Keypair> identity);

  [[nodiscard]] bool offered() const { return identity_ && store_.offered(); }
  /// Opens one for a proven caller. @param body what was proven with it @return the answer's body,
  /// or why there is none: malformed, wrong-receiver, invalid-body, not-found
  [[nodiscard]] Expected<std::string, Refusal> open(const Claim& claim,
                                                    std::string_view body) const;

  /// What a head says that names a session, and whose it is: malformed, no-session. Nothing is
  /// believed yet.
  [[nodiscard]] Expected<Claim, Refusal> read(const net::Head& head) const;
  /// Whether the tag is right, and the request new: bad-signature, replayed. @param head that was
  /// read
  [[nodiscard]] std::optional<Refusal> prove(const OnSession& claim, const net::Head& head) const;

 private:
  policy::SessionStore& store_;
  const std::optional<wire::Keypair> identity_;
  const std::string address_;
};

}  // namespace dojo::request
