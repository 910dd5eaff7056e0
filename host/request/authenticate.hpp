// Who sent a request, proven.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/snapshot.hpp"
#include "policy/access.hpp"
#include "policy/replay/replay_memory.hpp"
#include "request/dialect.hpp"
#include "request/refusal.hpp"
#include "request/sessions.hpp"
#include "wire/known_keys.hpp"

namespace dojo::request {

/// Four steps, from cheap to dear: read() and look_at() cost a stranger's request no curve
/// operation. They are to be taken in this order; other checks may stand between them. Any thread.
class Authenticator {
 public:
  /// @param self the host's own hotkey, the receiver that messages must name
  /// @param seen must outlive this @param now the wall clock; tests set it
  /// @param sessions likewise must; null: there are none
  /// @param access likewise must; says who is registered; null: everybody is
  Authenticator(AuthOptions options, const wire::PublicKey& self, policy::ReplayMemory& seen,
                std::function<Moment()> now, const Sessions* sessions = nullptr,
                const policy::Access* access = nullptr);

  /// From now on others.
  void apply(AuthOptions options);
  /// Which dialects a route takes. @param route its name
  [[nodiscard]] DialectSet accepted(std::string_view route) const;

  /// What the headers say. Nothing is believed, and nothing stored. @param route the name of the
  /// one that is asked for
  /// @return or why not: unsigned, no-session, malformed, or in a dialect that is not accepted on
  /// this route
  [[nodiscard]] Expected<Claim, Refusal> read(const net::Head& head, std::string_view route) const;
  /// Whether it may be proven at all: wrong-receiver, stale, replayed.
  /// @param head the one that was read
  [[nodiscard]] std::optional<Refusal> look_at(Claim& claim, const net::Head& head) const;
  /// Whether the signature is right, or the tag: bad-signature, replayed. Nothing to do where it
  /// covers the body. @param head the one that was read
  [[nodiscard]] std::optional<Refusal> prove(const Claim& claim, const net::Head& head);
  /// Whether the body is the one that was signed, and the signature is right where that had to
  /// wait: bad-signature, replayed, or stale if the body took too long. @param body as sent
  [[nodiscard]] std::optional<Refusal> prove_body(const Claim& claim, std::string_view body);
  /// Whether the answer to a request is to be signed, once it is proven. So far btauth/1 alone has
  /// something for that.
  [[nodiscard]] bool signs_answer_to(const Claim& claim) const;
  /// Null: none are offered.
  [[nodiscard]] const Sessions* sessions() const {
    return sessions_ != nullptr && sessions_->offered() ? sessions_ : nullptr;
  }
  /// The keys of callers that sign often. Counts only: it is this one's to fill.
  [[nodiscard]] wire::KnownKeys::Sizes known_keys() const { return known_.sizes(); }

 private:
  [[nodiscard]] Expected<Claim, Refusal> read_proof(const net::Head& head) const;
  [[nodiscard]] std::optional<Refusal> check_window(Moment time, Window window) const;
  /// Whether a request of that time, accepted before, would be known again.
  [[nodiscard]] std::optional<Refusal> check_memory(const Dialect& dialect, Moment time,
                                                    Window window) const;
  [[nodiscard]] policy::ReplayName name_of(const Dialect& dialect, const Claim& claim) const;
  std::optional<Refusal> remember(const Dialect& dialect, const Claim& claim,
                                  const AuthOptions& options);

  const Receiver self_;
  policy::ReplayMemory& seen_;
  const std::function<Moment()> now_;
  const Sessions* const sessions_;
  const policy::Access* const access_;
  wire::KnownKeys known_;
  base::Snapshot<AuthOptions> options_;
};

}  // namespace dojo::request
