// The stage that lets requests in: who sent it, whether that one may, and not too often. Cheap
// checks first, so that a stranger costs look-ups and no curve.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/log_budget.hpp"
#include "policy/access.hpp"
#include "request/authenticate.hpp"
#include "request/exchange.hpp"
#include "request/refusal.hpp"

namespace dojo::request {

/// Any thread.
class Admitter {
 public:
  /// All must outlive it.
  Admitter(Authenticator& authenticator, policy::Access& access, const AnswerSigner& signer,
           const base::Log& log)
      : authenticator_(authenticator), access_(access), signer_(signer), log_(log) {}

  /// Looks at an exchange's head, and writes into the exchange what it finds.
  /// @return why it is not let in, if so: unsigned, malformed, blacklisted, wrong-receiver, stale,
  /// replayed, bad-signature, quota
  std::optional<Refusal> check(Exchange& exchange);
  /// The checks that have to wait for the body, as it was sent.
  std::optional<Refusal> check_body(Exchange& exchange);

  /// What check() would say of a hotkey that proves itself, without charging anybody.
  struct Rehearsal {
    std::optional<Refusal> refusal;
    policy::Standing standing;
  };
  [[nodiscard]] Rehearsal rehearse(const policy::Visit& visit);

 private:
  std::optional<Refusal> count_failure(std::optional<Refusal> refusal, const Exchange& exchange);
  void account_for(Exchange& exchange);
  void have_signed(Exchange& exchange);
  std::optional<Refusal> charge(Exchange& exchange);
  std::optional<Refusal> charge_bytes(Exchange& exchange, std::size_t bytes);
  void tell_of_dry_rules(const Exchange& exchange, const std::vector<std::string>& rules);

  Authenticator& authenticator_;
  policy::Access& access_;
  const AnswerSigner& signer_;
  const base::Log& log_;
  base::LogBudget dry_rules_{log_};
};

}  // namespace dojo::request
