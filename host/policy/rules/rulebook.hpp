// The rules in force: those of the config, and before them those that the operator made at run
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"
#include "base/snapshot.hpp"
#include "policy/rules/rules.hpp"

namespace dojo::policy {

/// Any thread. What was made at run time is kept in <state>/access/rules.json, written atomically
/// before it is in force, and is there again after a restart; rules that have run out are dropped.
class Rulebook {
 public:
  static constexpr std::size_t kMostRules = 10'000;                   ///< made at run time
  static constexpr std::size_t kLongestFile = std::size_t{16} << 20;  ///< bytes of rules.json
  static constexpr std::size_t kLongestNote = 1'024;  ///< bytes of a rule's note, or a route

  /// @return an error if the state folder cannot be used, or the file in it is broken: it says
  /// where it is and what is wrong, and is left alone
  static Result<std::unique_ptr<Rulebook>> open(RuleOptions of_config,
                                                const std::filesystem::path& state,
                                                std::function<WallTime()> now);

  /// What is in force now; valid until this thread asks again.
  [[nodiscard]] const RuleSet& rules() const { return *in_force_.read().rules; }
  /// The config has been read anew. Rules that have not changed go on with their counts.
  void apply(RuleOptions of_config);

  /// Makes a rule, which comes before all others. Its name is made up: "ctl-<n>", never used
  /// before.
  /// @return its name, or why it cannot be kept; nothing has changed then
  Result<std::string> add(Rule rule);
  /// @return an error if there is no such rule, it is one of the config's, or that cannot be kept
  Status remove(const std::string& name);

  struct Row {
    Rule rule;
    std::uint64_t matched = 0;
    bool of_config = false;
  };
  /// All rules in the order in which they are asked, without those that have run out.
  [[nodiscard]] std::vector<Row> list() const;

 private:
  Rulebook(RuleOptions of_config, std::filesystem::path folder, base::Descriptor opened,
           std::function<WallTime()> now);
  struct InForce {
    std::shared_ptr<const RuleSet> rules;
    std::size_t made = 0;  ///< so many of them, the first, were made at run time
  };

  Status take_saved();
  [[nodiscard]] std::vector<Rule> not_run_out() const;
  Status keep(const std::vector<Rule>& made, std::uint64_t next) const;
  void put_in_force();

  std::filesystem::path folder_;  // for messages
  base::Descriptor opened_;
  std::function<WallTime()> now_;
  std::mutex changing_;  // one change at a time; the next three are its
  RuleOptions of_config_;
  std::vector<Rule> made_;  // the newest first
  std::uint64_t next_ = 1;  // number of the next rule's name
  base::Snapshot<InForce> in_force_;
};

/// What rules.json says.
struct SavedRules {
  std::uint64_t next = 1;     ///< above the number of every name ever given
  std::vector<Rule> rules{};  ///< in the order in which they are asked
};

/// Reads rules.json. @return an error that names what in it is wrong. Any thread.
Result<SavedRules> parse_rules(std::string_view json);

/// Writes it. @return an error if it would be longer than Rulebook::kLongestFile. Any thread.
Result<std::string> rules_json(const SavedRules& rules);

}  // namespace dojo::policy
