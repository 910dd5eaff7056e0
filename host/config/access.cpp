#include "config/access.hpp"

#include <algorithm>
#include <array>

#include "policy/metagraph/http_get.hpp"
#include "policy/rules/subject.hpp"

namespace dojo::host {
namespace {

using policy::Action;

constexpr char kNoMetagraph[] =
    "asks the metagraph, and there is none: add [metagraph] with url (or file) and netuid";

template <class T, class Parse>
auto each_into(std::vector<T>& out, const Parse& parse) {
  return [&out, parse](const std::string& text) -> Status {
    auto value = parse(text);
    if (!value) return Unexpected(value.error());
    out.push_back(std::move(*value));
    return {};
  };
}

Result<std::string> parse_route(const std::string& text) {
  if (text.empty() || text.find('/') != std::string::npos) {
    return fail("no route: a model's name, without the slash");
  }
  return text;
}

/// A rule for each member, named by the member's own line.
void read_subjects(Table& table, std::string_view key, Action action, bool metagraph,
                   const Complaints& complaints, std::vector<policy::Rule>& rules) {
  table.strings(key, [&](const std::string& text, const toml::node& node) -> Status {
    auto rule = policy::parse_subject(text);
    if (!rule) return Unexpected(rule.error());
    if (rule->needs_metagraph() && !metagraph) return fail(kNoMetagraph);
    rule->action = action;
    rule->name = complaints.short_place(node.source());
    rules.push_back(std::move(*rule));
    return {};
  });
}

void read_criteria(Table& table, policy::Rule& rule) {
  table.string_or_strings("hotkey", each_into(rule.hotkeys, policy::parse_hotkey));
  table.string_or_strings("coldkey", each_into(rule.coldkeys, policy::parse_hotkey));
  table.integer_or_integers("uid", rule.uids);
  table.string_or_strings("ip", each_into(rule.networks, policy::parse_network));
  table.string_or_strings("route", each_into(rule.routes, parse_route));
  table.boolean("validator_permit", rule.validator_permit);
  table.real("min_stake", rule.min_stake, 0);
  table.real("below_stake", rule.below_stake, 0);
}

/// What only shows in all of a rule.
void check_rule(Table& table, const policy::Rule& rule, bool metagraph) {
  constexpr std::array kAsking{"coldkey", "uid", "validator_permit", "min_stake", "below_stake"};
  constexpr std::array kOthers{"hotkey", "ip", "route"};
  const auto there = [&](const char* key) { return table.has(key); };
  if (!table.has("action")) table.complain("action", "is missing: \"allow\" or \"deny\"");
  if (std::ranges::none_of(kAsking, there) && std::ranges::none_of(kOthers, there)) {
    table.complain("action", "is about everybody: that is access.default's to say");
  }
  for (const auto* key : kAsking) {
    if (!metagraph && there(key)) table.complain(key, kNoMetagraph);
  }
  if (rule.min_stake && rule.below_stake && *rule.min_stake >= *rule.below_stake) {
    table.complain("below_stake", "must be above min_stake, or nobody meets both");
  }
}

void read_rule(Table table, bool metagraph, const Complaints& complaints,
               std::vector<policy::Rule>& rules) {
  policy::Rule rule;
  rule.name = complaints.short_place(table.where(""));
  table.string("action",
               word_into(rule.action, {{"allow", Action::allow}, {"deny", Action::deny}}));
  read_criteria(table, rule);
  table.boolean("dry_run", rule.dry_run);
  table.string("note", [&](const std::string& text) -> Status {
    rule.note = text;
    return {};
  });
  check_rule(table, rule, metagraph);
  rules.push_back(std::move(rule));
}

/// One of the two that deny whoever was not decided about.
policy::Rule last_rule(const Table& table, std::string_view key, const Complaints& complaints) {
  return {.name = complaints.short_place(table.where(key)), .action = Action::deny};
}

}  // namespace

bool read_metagraph(Table table, const std::filesystem::path& folder,
                    policy::MetagraphOptions& metagraph) {
  table.string("url", [&](const std::string& text) {
    metagraph.url = text;
    return policy::check_base_url(text);
  });
  table.string("file", path_into(metagraph.file, folder));
  table.integer("netuid", metagraph.netuid, 0, 65'535);
  table.duration("refresh_s", metagraph.refresh, 1);
  table.duration("timeout_s", metagraph.timeout, 1, 3'600);
  table.duration("max_age_s", metagraph.max_age, 1);
  table.string("when_stale", word_into(metagraph.when_stale, {{"closed", policy::Stale::closed},
                                                              {"open", policy::Stale::open}}));
  const bool wanted = table.has("url") || table.has("file");
  if (table.has("url") && table.has("file")) {
    table.complain("file", "stands beside metagraph.url: leave one of them out");
  }
  if (wanted && !table.has("netuid")) table.complain("netuid", "is missing: the subnet's number");
  if (!wanted && table.has("netuid")) {
    table.complain("url", "is missing (or file): where the metagraph is to be had");
  }
  if (metagraph.max_age <= metagraph.refresh) {
    table.complain("max_age_s", "must be more than metagraph.refresh_s, or it is always too old");
  }
  return wanted;
}

void read_access(Table table, bool metagraph, Complaints& complaints, policy::RuleOptions& access) {
  read_subjects(table, "allow", Action::allow, metagraph, complaints, access.rules);
  read_subjects(table, "deny", Action::deny, metagraph, complaints, access.rules);
  for (const auto& [rule, name] : table.tables("rules")) {
    read_rule({rule, name, complaints}, metagraph, complaints, access.rules);
  }
  bool validators_only = false;
  std::optional<double> min_stake;
  table.boolean("validators_only", validators_only);
  table.real("min_stake", min_stake, 0);
  if (validators_only) {
    access.rules.push_back(last_rule(table, "validators_only", complaints));
    access.rules.back().validator_permit = false;
    if (!metagraph) table.complain("validators_only", kNoMetagraph);
  }
  if (min_stake.value_or(0) > 0) {
    access.rules.push_back(last_rule(table, "min_stake", complaints));
    access.rules.back().below_stake = min_stake;
    if (!metagraph) table.complain("min_stake", kNoMetagraph);
  }
  table.string("default",
               word_into(access.otherwise, {{"allow", Action::allow}, {"deny", Action::deny}}));
  table.boolean("dry_run", access.dry_run);
}

}  // namespace dojo::host
