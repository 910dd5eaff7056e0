// Finds the rules that may be about a visit, without going through all of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policy/metagraph/metagraph.hpp"
#include "policy/rules/rules.hpp"
#include "wire/key_hash.hpp"

namespace dojo::policy {

/// How much rules know of who is registered: all, or nothing, and then what is done about it.
enum class Sight { full, none_closed, none_open };

/// The criterion by which a rule is found. A rule that is found need not be asked for it again.
enum class FoundBy { hotkey, coldkey, uid, network, route, nothing };

/// Rules by blocks of addresses. Blocks lie within each other or apart, so that all that hold an
/// address are found from one place in their order on, outwards.
class RulesByBlock {
 public:
  /// Numbers of rules, ascending.
  using List = std::vector<std::uint32_t>;
  using Lists =
      std::map<std::pair<base::IpAddress::Bytes, unsigned>, List>;  ///< by base and prefix

  explicit RulesByBlock(const Lists& lists);

  /// Calls `take(list)` for each block that holds an address, the smallest first. O(log blocks).
  template <class Take>
  void holding(const base::IpAddress& address, const Take& take) const {
    const auto behind = std::ranges::upper_bound(bases_, number_of(address.bytes()));
    for (auto i = static_cast<std::int32_t>(behind - bases_.begin()) - 1; i >= 0;
         i = blocks_[static_cast<std::size_t>(i)].around) {
      const auto& block = blocks_[static_cast<std::size_t>(i)];
      if (block.network.contains(address)) take(block.rules);
    }
  }

 private:
  using Number = std::pair<std::uint64_t, std::uint64_t>;  // an address's two halves
  struct Block {
    base::Network network;
    std::int32_t around;  // the smallest block around this one; -1: there is none
    List rules;
  };
  static Number number_of(const base::IpAddress::Bytes& bytes);

  std::vector<Number> bases_;  // of blocks_, ascending; where they are equal, larger blocks first
  std::vector<Block> blocks_;
};

/// Rules in tables by their most selective criterion, for one Sight. Immutable; any thread.
class RuleIndex {
 public:
  using List = RulesByBlock::List;

  /// @param dry takes the dry rules if true, else the others
  RuleIndex(const std::vector<Rule>& rules, Sight sight, bool dry);

  [[nodiscard]] bool empty() const { return empty_; }

  /// Calls `take(list, found_by)` with each list of rules that may match. A rule may come twice.
  /// @param neuron null: not registered, or not known
  template <class Take>
  void candidates(const Visit& visit, const Neuron* neuron, const Take& take) const {
    look(by_hotkey_, visit.hotkey, FoundBy::hotkey, take);
    if (neuron != nullptr) {
      look(by_coldkey_, neuron->coldkey, FoundBy::coldkey, take);
      look(by_uid_, neuron->uid, FoundBy::uid, take);
    }
    by_block_.holding(visit.ip, [&](const List& list) { take(list, FoundBy::network); });
    look(by_route_, visit.route, FoundBy::route, take);
    if (!others_.empty()) take(others_, FoundBy::nothing);
  }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  template <class Table, class Key, class Take>
  static void look(const Table& table, const Key& key, FoundBy by, const Take& take) {
    if (table.empty()) return;
    if (const auto found = table.find(key); found != table.end()) take(found->second, by);
  }
  void add(const Rule& rule, std::uint32_t number, Sight sight, RulesByBlock::Lists& blocks);
  void add_other(const Rule& rule, std::uint32_t number, Sight sight);

  std::unordered_map<wire::PublicKey, List, wire::KeyHash> by_hotkey_;
  std::unordered_map<wire::PublicKey, List, wire::KeyHash> by_coldkey_;
  std::unordered_map<std::uint16_t, List> by_uid_;
  RulesByBlock by_block_{{}};
  std::unordered_map<std::string, List, TextHash, std::equal_to<>> by_route_;
  List others_;
  bool closed_off_ = false;  // others_ ends with a rule that everybody meets
  bool empty_ = true;
};

}  // namespace dojo::policy
