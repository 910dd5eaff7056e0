#include "policy/rules/rules.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <unordered_map>
#include <utility>

#include "policy/rules/rule_index.hpp"

namespace dojo::policy {
namespace {

using Counter = std::atomic<std::uint64_t>;

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

/// A visit and what is known of who makes it.
struct Caller {
  const Visit& visit;
  const Neuron* neuron;  // null: not registered, or not known
  Sight sight;
  WallTime now;
};

template <class T, class U>
bool met_by(const std::vector<T>& list, const U& value) {
  return list.empty() || std::ranges::find(list, value) != list.end();
}

/// Who is not registered has neither coldkey nor uid.
bool met_by_name(const Rule& rule, FoundBy by, const Neuron* neuron) {
  if (neuron == nullptr) return rule.coldkeys.empty() && rule.uids.empty();
  return (by == FoundBy::coldkey || met_by(rule.coldkeys, neuron->coldkey)) &&
         (by == FoundBy::uid || met_by(rule.uids, neuron->uid));
}

bool standing_matches(const Rule& rule, FoundBy by, const Neuron* neuron) {
  if (!met_by_name(rule, by, neuron)) return false;
  const bool permit = neuron != nullptr && neuron->validator_permit;
  if (rule.validator_permit && *rule.validator_permit != permit) return false;
  const double stake = neuron == nullptr ? 0 : neuron->stake;
  if (rule.min_stake && stake < *rule.min_stake) return false;
  return !rule.below_stake || stake < *rule.below_stake;
}

/// @param by what it was found by, which is not looked at again. That is the hotkey wherever a rule
/// has any.
bool matches(const Rule& rule, FoundBy by, const Caller& caller) {
  if (rule.until && caller.now >= *rule.until) return false;
  if (by != FoundBy::network && !rule.networks.empty() &&
      std::ranges::none_of(rule.networks, [&](const base::Network& network) {
        return network.contains(caller.visit.ip);
      })) {
    return false;
  }
  if (by != FoundBy::route && !met_by(rule.routes, caller.visit.route)) return false;
  return caller.sight != Sight::full || standing_matches(rule, by, caller.neuron);
}

/// A rule that cannot be asked, and stops everybody whose turn it is at.
bool blocks(const Rule& rule, Sight sight) {
  return sight == Sight::none_closed && rule.needs_metagraph();
}

/// What the caller did not meet comes first: that is what it can do something about.
const char* reason_of(const Rule& rule) {
  if (rule.validator_permit == false) return "no validator permit";
  if (rule.below_stake) return "too little stake";
  if (!rule.hotkeys.empty()) return "hotkey is denied";
  if (!rule.coldkeys.empty()) return "coldkey is denied";
  if (!rule.uids.empty()) return "uid is denied";
  if (!rule.networks.empty()) return "address is denied";
  if (rule.validator_permit == true) return "validators are denied";
  if (rule.min_stake) return "too much stake";
  if (!rule.routes.empty()) return "route is denied";
  return "everybody is denied";
}

Ruling refusal(std::string rule, const char* reason) {
  return {.allowed = false, .rule = std::move(rule), .reason = reason};
}

void name(Ruling& ruling, const std::string& rule) {
  if (ruling.would_refuse.size() < RuleSet::kMostNamed) ruling.would_refuse.push_back(rule);
}

Sight sight_of(const MetagraphView& view) {
  if (view.usable()) return Sight::full;
  return view.when_stale == Stale::open ? Sight::none_open : Sight::none_closed;
}

}  // namespace

bool Rule::needs_metagraph() const {
  return !coldkeys.empty() || !uids.empty() || validator_permit || min_stake || below_stake;
}

class RuleSet::Index {
 public:
  Index(RuleOptions options, const Index* before);

  [[nodiscard]] Ruling judge(const Visit& visit, const MetagraphView& metagraph,
                             WallTime now) const;
  [[nodiscard]] const RuleOptions& options() const { return options_; }
  [[nodiscard]] std::uint64_t matched(std::size_t rule) const { return *counters_.at(rule); }

 private:
  void take_counters(const Index& before);
  [[nodiscard]] const RuleIndex& live(Sight sight) const {
    return live_.at(static_cast<std::size_t>(sight));
  }
  [[nodiscard]] const RuleIndex& dry(Sight sight) const {
    return dry_.at(static_cast<std::size_t>(sight));
  }
  [[nodiscard]] std::uint32_t deciding(const Caller& caller) const;
  [[nodiscard]] Ruling decide(std::uint32_t rule, const MetagraphView& metagraph) const;
  void note_dry(const Caller& caller, std::uint32_t decided, Ruling& ruling) const;
  void count(std::uint32_t rule) const { counters_[rule]->fetch_add(1, std::memory_order_relaxed); }

  RuleOptions options_;
  std::array<RuleIndex, 3> live_;  // by Sight
  std::array<RuleIndex, 3> dry_;
  bool needs_metagraph_;
  std::vector<std::shared_ptr<Counter>> counters_;  // shared with the set that takes over
};

RuleSet::Index::Index(RuleOptions options, const Index* before)
    : options_(std::move(options)),
      live_{RuleIndex(options_.rules, Sight::full, false),
            RuleIndex(options_.rules, Sight::none_closed, false),
            RuleIndex(options_.rules, Sight::none_open, false)},
      dry_{RuleIndex(options_.rules, Sight::full, true),
           RuleIndex(options_.rules, Sight::none_closed, true),
           RuleIndex(options_.rules, Sight::none_open, true)},
      needs_metagraph_(std::ranges::any_of(options_.rules, &Rule::needs_metagraph)),
      counters_(options_.rules.size()) {
  if (before != nullptr) take_counters(*before);
  for (auto& counter : counters_) {
    if (!counter) counter = std::make_shared<Counter>(0);
  }
}

/// Several rules may have one name, when they stand in one line; the first is compared with the
/// first then.
void RuleSet::Index::take_counters(const Index& before) {
  std::unordered_map<std::string_view, std::vector<std::size_t>> old;
  const auto& rules = before.options_.rules;
  for (std::size_t i = rules.size(); i-- > 0;) old[rules[i].name].push_back(i);
  for (std::size_t i = 0; i < options_.rules.size(); ++i) {
    const auto found = old.find(options_.rules[i].name);
    if (found == old.end() || found->second.empty()) continue;
    const auto same = found->second.back();
    found->second.pop_back();
    if (rules[same] == options_.rules[i]) counters_[i] = before.counters_[same];
  }
}

Ruling RuleSet::Index::judge(const Visit& visit, const MetagraphView& metagraph,
                             WallTime now) const {
  const auto sight = sight_of(metagraph);
  const bool asked = needs_metagraph_ && sight == Sight::full;
  const Caller caller{visit, asked ? metagraph.metagraph->find(visit.hotkey) : nullptr, sight, now};
  const auto decided = deciding(caller);
  Ruling ruling = decide(decided, metagraph);
  if (!dry(sight).empty()) note_dry(caller, decided, ruling);
  if (!ruling.allowed && options_.dry_run) {
    if (ruling.would_refuse.size() >= kMostNamed) ruling.would_refuse.pop_back();
    ruling.would_refuse.push_back(std::move(ruling.rule));
    ruling = {.would_refuse = std::move(ruling.would_refuse)};
  }
  return ruling;
}

/// The first rule that matches, or blocks; kNone if there is none.
std::uint32_t RuleSet::Index::deciding(const Caller& caller) const {
  std::uint32_t first = kNone;
  live(caller.sight)
      .candidates(caller.visit, caller.neuron, [&](const RuleIndex::List& list, FoundBy by) {
        for (const auto number : list) {
          if (number >= first) return;
          if (matches(options_.rules[number], by, caller)) first = number;
        }
      });
  return first;
}

Ruling RuleSet::Index::decide(std::uint32_t number, const MetagraphView& metagraph) const {
  if (number == kNone) {
    if (options_.otherwise == Action::allow) return {};
    return refusal("default", "not on the list of who may call");
  }
  const auto& rule = options_.rules[number];
  if (blocks(rule, sight_of(metagraph))) {
    return refusal("metagraph", metagraph.metagraph ? "the metagraph here is too old"
                                                    : "the metagraph is not known here yet");
  }
  count(number);
  if (rule.action == Action::allow) return {};
  return refusal(rule.name, reason_of(rule));
}

void RuleSet::Index::note_dry(const Caller& caller, std::uint32_t decided, Ruling& ruling) const {
  RuleIndex::List found;
  dry(caller.sight)
      .candidates(caller.visit, caller.neuron, [&](const RuleIndex::List& list, FoundBy by) {
        for (const auto number : list) {
          if (number >= decided) return;
          if (matches(options_.rules[number], by, caller)) found.push_back(number);
        }
      });
  std::ranges::sort(found);
  const auto repeated = std::ranges::unique(found);
  found.erase(repeated.begin(), repeated.end());
  for (const auto number : found) {
    const auto& rule = options_.rules[number];
    const bool blocked = blocks(rule, caller.sight);
    if (!blocked) count(number);
    if (blocked || rule.action == Action::deny) name(ruling, rule.name);
  }
}

RuleSet::RuleSet(RuleOptions options, const RuleSet* before)
    : index_(std::make_unique<Index>(std::move(options),
                                     before == nullptr ? nullptr : before->index_.get())) {}

RuleSet::~RuleSet() = default;

Ruling RuleSet::judge(const Visit& visit, const MetagraphView& metagraph, WallTime now) const {
  return index_->judge(visit, metagraph, now);
}

const RuleOptions& RuleSet::options() const {
  return index_->options();
}

RuleSet::Count RuleSet::count(std::size_t rule) const {
  return {index_->matched(rule)};
}

}  // namespace dojo::policy
