#include "policy/access.hpp"

#include <utility>

namespace dojo::policy {

Result<std::unique_ptr<Access>> Access::open(const AccessOptions& options,
                                             const std::filesystem::path& state,
                                             const base::Log& log, std::function<WallTime()> now) {
  auto rulebook = Rulebook::open(options.rules, state, now);
  if (!rulebook) return Unexpected(rulebook.error());
  auto metagraph = MetagraphSource::open(options.metagraph, state, log, now);
  if (!metagraph) return Unexpected(metagraph.error());
  std::unique_ptr<Access> access(
      new Access(options.quota, std::move(*rulebook), std::move(*metagraph), log, std::move(now)));
  access->warn_of_rules(options.metagraph);
  return access;
}

Access::Access(const QuotaOptions& quota, std::unique_ptr<Rulebook> rulebook,
               std::unique_ptr<MetagraphSource> metagraph, base::Log log,
               std::function<WallTime()> now)
    : log_(std::move(log)),
      now_(std::move(now)),
      rulebook_(std::move(rulebook)),
      metagraph_(std::move(metagraph)),
      quotas_(quota),
      by_stake_(quota.by_stake) {}

void Access::apply(const AccessOptions& options) {
  rulebook_->apply(options.rules);
  metagraph_->apply(options.metagraph);
  quotas_.apply(options.quota);
  by_stake_ = options.quota.by_stake;
  warn_of_rules(options.metagraph);
}

void Access::warn_of_rules(const MetagraphOptions& metagraph) const {
  if (metagraph.wanted()) return;
  for (const auto& row : rulebook_->list()) {
    if (!row.rule.needs_metagraph()) continue;
    log_.warning("a rule asks the metagraph, and none is configured: it refuses all who come to it",
                 {{"rule", row.rule.name}, {"do", "dojo-host ctl remove, or add [metagraph]"}});
  }
}

Standing Access::judge(const Visit& visit) const {
  const auto view = metagraph_->view();
  Standing standing;
  standing.ruling = rulebook_->rules().judge(visit, view, now_());
  if (!view.usable()) return standing;
  const auto* neuron = view.metagraph->find(visit.hotkey);
  if (neuron != nullptr) standing.neuron = *neuron;
  standing.registered = neuron != nullptr;
  if (by_stake_) {
    standing.weight =
        weight_of(neuron == nullptr ? 0 : neuron->stake, view.metagraph->mean_validator_stake());
  }
  return standing;
}

Enrolment Access::enrolment(const wire::PublicKey& hotkey) const {
  const auto view = metagraph_->view();
  if (!view.metagraph) return {};
  return {view.metagraph->find(hotkey) != nullptr, view.metagraph->roll()};
}

}  // namespace dojo::policy
