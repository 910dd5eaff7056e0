// Who may call: rules, of which the first that matches decides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "policy/metagraph/metagraph_source.hpp"
#include "policy/visit.hpp"

namespace dojo::policy {

enum class Action { allow, deny };

/// Matches whoever meets every criterion that is there. A list is met by any one of its members.
struct Rule {
  std::string
      name;  ///< what refusals say: "dojo-host.toml:12", or "ctl-3" for one made at run time
  Action action = Action::deny;
  std::vector<wire::PublicKey> hotkeys{};
  std::vector<wire::PublicKey> coldkeys{};  ///< needs a metagraph, as do the next four
  std::vector<std::uint16_t> uids{};
  std::optional<bool> validator_permit{};
  std::optional<double> min_stake{};  ///< met by this stake and more
  std::optional<double>
      below_stake{};  ///< met by less than this stake; also by who is not registered
  std::vector<base::Network> networks{};
  std::vector<std::string> routes{};  ///< models' names
  std::optional<WallTime> until{};    ///< from then on it matches nobody
  bool dry_run = false;               ///< counts whom it would refuse, and decides nothing
  std::string note{};                 ///< the operator's own words: why
  [[nodiscard]] bool needs_metagraph() const;
  bool operator==(const Rule&) const = default;
};

struct RuleOptions {
  std::vector<Rule> rules{};
  Action otherwise = Action::allow;  ///< if no rule matches
  bool dry_run = false;              ///< all denials are only counted
};

/// What the rules say of a visit.
struct Ruling {
  bool allowed = true;
  std::string rule{};  ///< of a refusal: the name of the rule that decided, "default" if none did,
                       ///< "metagraph" if it would have to be asked and cannot be
  std::string reason{};  ///< for the caller, short: "hotkey is denied", "no validator permit"; the
                         ///< operator's note is not told
  /// Names of dry-run rules that match and would have refused, each if it alone were not dry; with
  /// RuleOptions::dry_run, last, what would have been in `rule`. No more than RuleSet::kMostNamed.
  std::vector<std::string> would_refuse{};
};

/// Rules made ready for quick answers: a visit costs the same whether there are ten or ten
/// thousand. Immutable but for its counts; any thread.
class RuleSet {
 public:
  static constexpr std::size_t kMostNamed = 16;

  /// @param before rules that are the same there go on with their counts
  explicit RuleSet(RuleOptions options, const RuleSet* before = nullptr);
  ~RuleSet();
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  /// A rule whose turn it is and which needs a metagraph that cannot be used: closed refuses; open
  /// takes it as decided in the caller's favour (a rule that allows matches, one that denies does
  /// not). A dry rule is listed then if it, not being dry, would be the cause of a refusal.
  /// It is a rule's turn if no rule before it decided, and hotkey, network, route and time match.
  [[nodiscard]] Ruling judge(const Visit& visit, const MetagraphView& metagraph,
                             WallTime now) const;

  struct Count {
    std::uint64_t matched = 0;  ///< decided, or would have if it were not dry
  };
  [[nodiscard]] const RuleOptions& options() const;
  /// By the rule's place in options().rules.
  [[nodiscard]] Count count(std::size_t rule) const;

 private:
  class Index;
  std::unique_ptr<Index> index_;
};

}  // namespace dojo::policy
