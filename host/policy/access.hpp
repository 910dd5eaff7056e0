// Who may call, and for how much: the rules, the metagraph, the quotas and the book of refusals in
// one hand.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include <dojo/result.hpp>

#include "base/log.hpp"
#include "policy/enrolment.hpp"
#include "policy/metagraph/metagraph_source.hpp"
#include "policy/quotas.hpp"
#include "policy/refusal_book.hpp"
#include "policy/rules/rulebook.hpp"

namespace dojo::policy {

struct AccessOptions {
  RuleOptions rules;
  MetagraphOptions metagraph;
  QuotaOptions quota;
};

/// What is known of a hotkey that has been let in.
struct Standing {
  Ruling ruling;
  std::optional<Neuron> neuron{};  ///< in the metagraph that counts now, if it is registered
  /// It is in the metagraph, or there is none that tells. Others leave those a part of all budgets.
  bool registered = true;
  double weight = 1;  ///< its share when callers compete: by stake if configured, else 1
};

/// Any thread, but for apply(), which is for one at a time.
class Access {
 public:
  /// @param state the host's state folder @param now the wall clock; tests set it
  /// @return an error if the state folder, or what is in it, cannot be used
  static Result<std::unique_ptr<Access>> open(const AccessOptions& options,
                                              const std::filesystem::path& state,
                                              const base::Log& log, std::function<WallTime()> now);

  /// Takes over what a config that was read anew says. Accounts, run-time rules and the book stay.
  void apply(const AccessOptions& options);

  /// Asks the rules. Counts what they match.
  [[nodiscard]] Standing judge(const Visit& visit) const;

  /// As the last metagraph says, however old it is. A few tens of nanoseconds.
  [[nodiscard]] Enrolment enrolment(const wire::PublicKey& hotkey) const;

  [[nodiscard]] Rulebook& rulebook() { return *rulebook_; }
  [[nodiscard]] MetagraphSource& metagraph() { return *metagraph_; }
  [[nodiscard]] Quotas& quotas() { return quotas_; }
  [[nodiscard]] RefusalBook& refusals() { return refusals_; }
  [[nodiscard]] WallTime now() const { return now_(); }

 private:
  Access(const QuotaOptions& quota, std::unique_ptr<Rulebook> rulebook,
         std::unique_ptr<MetagraphSource> metagraph, base::Log log, std::function<WallTime()> now);
  void warn_of_rules(const MetagraphOptions& metagraph) const;

  const base::Log log_;
  const std::function<WallTime()> now_;
  std::unique_ptr<Rulebook> rulebook_;
  std::unique_ptr<MetagraphSource> metagraph_;
  Quotas quotas_;
  RefusalBook refusals_;
  std::atomic<bool> by_stake_;
};

}  // namespace dojo::policy
