// rules.json, to and fro.
#include <charconv>
#include <optional>
#include <unordered_set>

#include <fmt/format.h>

#include <dojo/model.hpp>

#include "policy/rules/rulebook.hpp"
#include "policy/rules/subject.hpp"

namespace dojo::policy {

DOJO_ENUM(Action, allow, deny)

struct RuleJson {
  std::string name;
  Action action = Action::deny;
  std::vector<std::string> hotkeys{};
  std::vector<std::string> coldkeys{};
  std::vector<std::uint16_t> uids{};
  std::optional<bool> validator_permit{};
  std::optional<double> min_stake{};
  std::optional<double> below_stake{};
  std::vector<std::string> networks{};
  std::vector<std::string> routes{};
  std::optional<std::int64_t> until_ms{};
  bool dry_run = false;
  std::string note{};
};
DOJO_MODEL(RuleJson, name, action, DOJO_DEFAULT(hotkeys), DOJO_DEFAULT(coldkeys),
           DOJO_DEFAULT(uids), validator_permit, min_stake, below_stake, DOJO_DEFAULT(networks),
           DOJO_DEFAULT(routes), until_ms, DOJO_DEFAULT(dry_run), DOJO_DEFAULT(note))

/// @param version of this shape: a criterion that is not known must not be left out unnoticed
struct RulesJson {
  int version = 0;
  std::uint64_t next = 1;
  std::vector<RuleJson> rules{};
};
DOJO_MODEL(RulesJson, version, next, rules)

namespace {

constexpr int kVersion = 1;

/// The number in "ctl-<n>".
std::optional<std::uint64_t> number_of(std::string_view name) {
  constexpr std::string_view kPrefix = "ctl-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const auto digits = name.substr(kPrefix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  // One way of writing it, so that names that differ are different.
  return whole && fmt::format("{}", number) == digits ? std::optional(number) : std::nullopt;
}

template <class T, class Read>
Status read_each(const char* list, const std::vector<std::string>& texts, std::vector<T>& out,
                 Read read) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto value = read(texts[i]);
    if (!value) return fail(fmt::format("{}[{}]: {}", list, i, value.error().message));
    out.push_back(std::move(*value));
  }
  return {};
}

template <class T, class Write>
std::vector<std::string> write_each(const std::vector<T>& values, Write write) {
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const auto& value : values) texts.push_back(write(value));
  return texts;
}

Result<Rule> rule_of(RuleJson&& json) {
  Rule rule{.name = std::move(json.name),
            .action = json.action,
            .uids = std::move(json.uids),
            .validator_permit = json.validator_permit,
            .min_stake = json.min_stake,
            .below_stake = json.below_stake,
            .routes = std::move(json.routes),
            .dry_run = json.dry_run,
            .note = std::move(json.note)};
  constexpr std::int64_t kYear9999 = 253'402'300'799'000;
  if (json.until_ms && (*json.until_ms < 0 || *json.until_ms > kYear9999)) {
    return fail("until_ms: must be unix time in milliseconds");
  }
  if (json.until_ms) rule.until = WallTime(std::chrono::milliseconds(*json.until_ms));
  auto status = read_each("hotkeys", json.hotkeys, rule.hotkeys, parse_hotkey);
  if (status) status = read_each("coldkeys", json.coldkeys, rule.coldkeys, parse_hotkey);
  if (status) status = read_each("networks", json.networks, rule.networks, parse_network);
  if (!status) return Unexpected(status.error());
  return rule;
}

RuleJson json_of(const Rule& rule) {
  const auto address = [](const wire::PublicKey& key) { return wire::encode_ss58(key); };
  RuleJson json{.name = rule.name,
                .action = rule.action,
                .hotkeys = write_each(rule.hotkeys, address),
                .coldkeys = write_each(rule.coldkeys, address),
                .uids = rule.uids,
                .validator_permit = rule.validator_permit,
                .min_stake = rule.min_stake,
                .below_stake = rule.below_stake,
                .networks = write_each(rule.networks, [](const auto& each) { return each.text(); }),
                .routes = rule.routes,
                .dry_run = rule.dry_run,
                .note = rule.note};
  if (rule.until) json.until_ms = rule.until->time_since_epoch().count();
  return json;
}

}  // namespace

Result<SavedRules> parse_rules(std::string_view text) {
  auto json = from_json<RulesJson>(text);
  if (!json) return Unexpected(json.error());
  if (json->version != kVersion) {
    return fail(fmt::format("version: {}, and this host knows {}", json->version, kVersion));
  }
  if (json->rules.size() > Rulebook::kMostRules) {
    return fail(fmt::format("rules: more than {}", Rulebook::kMostRules));
  }
  constexpr std::uint64_t kMostNames = std::uint64_t{1} << 53;
  if (json->next == 0 || json->next > kMostNames) {
    return fail(fmt::format("next: must be from 1 to {}", kMostNames));
  }
  SavedRules saved{.next = json->next};
  std::unordered_set<std::uint64_t> numbers;
  for (std::size_t i = 0; i < json->rules.size(); ++i) {
    const auto number = number_of(json->rules[i].name);
    if (!number || *number >= saved.next) {
      return fail(fmt::format("rules[{}].name: must be ctl-<number>, below ctl-{}", i, saved.next));
    }
    if (!numbers.insert(*number).second) {
      return fail(fmt::format("rules[{}].name: is another's too", i));
    }
    auto rule = rule_of(std::move(json->rules[i]));
    if (!rule) return fail(fmt::format("rules[{}].{}", i, rule.error().message));
    saved.rules.push_back(std::move(*rule));
  }
  return saved;
}

Result<std::string> rules_json(const SavedRules& rules) {
  RulesJson json{.version = kVersion, .next = rules.next};
  json.rules.reserve(rules.rules.size());
  for (const auto& rule : rules.rules) json.rules.push_back(json_of(rule));
  auto text = to_json(json);
  if (!text) return text;
  if (text->size() >= Rulebook::kLongestFile) {
    return fail(fmt::format("the rules made at run time would take more than {} bytes",
                            Rulebook::kLongestFile));
  }
  return *text + "\n";
}

}  // namespace dojo::policy
