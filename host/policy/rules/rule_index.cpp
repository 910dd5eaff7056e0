#include "policy/rules/rule_index.hpp"

#include <algorithm>

namespace dojo::policy {
namespace {

FoundBy most_selective(const Rule& rule, Sight sight) {
  if (!rule.hotkeys.empty()) return FoundBy::hotkey;
  if (sight == Sight::full && !rule.coldkeys.empty()) return FoundBy::coldkey;
  if (sight == Sight::full && !rule.uids.empty()) return FoundBy::uid;
  if (!rule.networks.empty()) return FoundBy::network;
  if (!rule.routes.empty()) return FoundBy::route;
  return FoundBy::nothing;
}

/// A list may name one thing twice.
void append(RuleIndex::List& list, std::uint32_t number) {
  if (list.empty() || list.back() != number) list.push_back(number);
}

}  // namespace

RulesByBlock::RulesByBlock(const Lists& lists) {
  for (const auto& [key, rules] : lists) {
    const auto& [base, prefix] = key;
    const base::Network network(base::IpAddress(base), prefix);
    auto around = static_cast<std::int32_t>(blocks_.size()) - 1;
    while (around >= 0 &&
           !blocks_[static_cast<std::size_t>(around)].network.contains(network.base()))
      around = blocks_[static_cast<std::size_t>(around)].around;
    bases_.push_back(number_of(base));
    blocks_.push_back({network, around, rules});
  }
}

RulesByBlock::Number RulesByBlock::number_of(const base::IpAddress::Bytes& bytes) {
  Number number{0, 0};
  for (std::size_t i = 0; i < 8; ++i) {
    number.first = number.first << 8 | bytes[i];
    number.second = number.second << 8 | bytes[i + 8];
  }
  return number;
}

RuleIndex::RuleIndex(const std::vector<Rule>& rules, Sight sight, bool dry) {
  RulesByBlock::Lists blocks;
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    if (rule.dry_run != dry) continue;
    // In the caller's favour.
    if (sight == Sight::none_open && rule.needs_metagraph() && rule.action == Action::deny)
      continue;
    add(rule, i, sight, blocks);
    empty_ = false;
  }
  by_block_ = RulesByBlock(blocks);
}

void RuleIndex::add(const Rule& rule, std::uint32_t number, Sight sight,
                    RulesByBlock::Lists& blocks) {
  switch (most_selective(rule, sight)) {
    case FoundBy::hotkey:
      for (const auto& key : rule.hotkeys) append(by_hotkey_[key], number);
      return;
    case FoundBy::coldkey:
      for (const auto& key : rule.coldkeys) append(by_coldkey_[key], number);
      return;
    case FoundBy::uid:
      for (const auto uid : rule.uids) append(by_uid_[uid], number);
      return;
    case FoundBy::network:
      for (const auto& network : rule.networks) {
        append(blocks[{network.base().bytes(), network.prefix()}], number);
      }
      return;
    case FoundBy::route:
      for (const auto& route : rule.routes) append(by_route_[route], number);
      return;
    case FoundBy::nothing:
      add_other(rule, number, sight);
      return;
  }
}

void RuleIndex::add_other(const Rule& rule, std::uint32_t number, Sight sight) {
  if (closed_off_) return;
  others_.push_back(number);
  const bool everybody = sight != Sight::full || !rule.needs_metagraph();
  closed_off_ = everybody && !rule.until && !rule.dry_run;
}

}  // namespace dojo::policy
