#include "control/access_commands.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <dojo/model.hpp>

#include "control/control_line.hpp"
#include "policy/rules/subject.hpp"

namespace dojo::host {
namespace {

using policy::Rule;
using Arguments = std::vector<std::string>;

// ---- what is told

struct RuleRow {
  std::string name;
  std::string action;
  std::string who;
  std::vector<std::string> routes;
  std::optional<std::string> until;  // RFC 3339
  bool dry_run = false;
  std::uint64_t matched = 0;
  std::string note;
};
DOJO_MODEL(RuleRow, name, action, who, routes, until, dry_run, matched, note)

struct WhyRow {
  std::uint64_t count = 0;
  std::string code;
  std::string rule;
  std::string reason;
  std::string route;
  std::string first;
  std::string last;
};
DOJO_MODEL(WhyRow, count, code, rule, reason, route, first, last)

struct TestResult {
  std::string verdict;
  std::string code;
  std::string rule;
  std::string reason;
  bool registered = false;
  std::optional<std::uint64_t> uid;
  std::optional<bool> validator_permit;
  std::optional<double> stake;
  double weight = 1;
  std::vector<std::string> would_refuse;
  std::string dialects;
};
DOJO_MODEL(TestResult, verdict, code, rule, reason, registered, uid, validator_permit, stake,
           weight, would_refuse, dialects)

struct MetagraphStatus {
  std::string state;
  std::optional<std::int64_t> age_s;
  std::uint64_t block = 0;
  std::uint64_t neurons = 0;
  std::uint64_t readings = 0;
  std::uint64_t failures = 0;
  std::string error;
};
DOJO_MODEL(MetagraphStatus, state, age_s, block, neurons, readings, failures, error)

std::string time_text(policy::WallTime time) {
  const auto seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  return fmt::format("{:%FT%TZ}", fmt::gmtime(seconds));
}

template <Model Row>
Result<std::string> json_list(const std::vector<Row>& rows) {
  std::string all;
  for (const auto& row : rows) {
    auto json = to_json(row);
    if (!json) return json;
    all += (all.empty() ? "" : ",") + *json;
  }
  return '[' + all + ']';
}

// ---- rules

Result<std::string> list_rules(Server& server) {
  std::vector<RuleRow> rows;
  for (const auto& [rule, matched, of_config] : server.access().rulebook().list()) {
    rows.push_back({rule.name, rule.action == policy::Action::allow ? "allow" : "deny",
                    policy::describe(rule), rule.routes,
                    rule.until ? std::optional(time_text(*rule.until)) : std::nullopt, rule.dry_run,
                    matched, rule.note});
  }
  return json_list(rows);
}

/// SUBJECT, then `for=1h`, `route=Echo`, `note=…`, `dry-run`, in any order.
Result<Rule> read_rule(policy::Action action, const Arguments& arguments, policy::WallTime now) {
  if (arguments.empty()) return fail("name a hotkey, an address, coldkey:<SS58> or uid:<number>");
  auto rule = policy::parse_subject(arguments.front());
  if (!rule) return rule;
  rule->action = action;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto& argument = arguments[i];
    const auto value = argument.substr(std::min(argument.find('=') + 1, argument.size()));
    if (argument.starts_with("for=")) {
      const auto time = policy::parse_duration(value);
      if (!time) return Unexpected(time.error());
      rule->until = now + *time;
    } else if (argument.starts_with("route=")) {
      const auto route = value.substr(value.starts_with('/') ? 1 : 0);
      if (route.empty() || route.find('/') != std::string::npos) {
        return fail(fmt::format("\"{}\" is no route: a model's name", value));
      }
      rule->routes.push_back(route);
    } else if (argument.starts_with("note=")) {
      rule->note = value;
    } else if (argument == "dry-run") {
      rule->dry_run = true;
    } else {
      return fail(fmt::format("\"{}\" is none of for=, route=, note=, dry-run", argument));
    }
  }
  return rule;
}

control::Command adds(Server& server, policy::Action action, bool needs_time) {
  return [&server, action, needs_time](const Arguments& arguments) -> Result<std::string> {
    auto rule = read_rule(action, arguments, server.access().now());
    if (!rule) return Unexpected(rule.error());
    if (needs_time && !rule->until) return fail("a ban needs a time: for=1h");
    if (rule->needs_metagraph() && !server.access().metagraph().view().wanted) {
      return fail("that asks the metagraph, and none is configured: add [metagraph] to the config");
    }
    auto name = server.access().rulebook().add(std::move(*rule));
    if (!name) return name;
    return control::json_text(fmt::format("rule {} is in force", *name));
  };
}

Result<std::string> remove_rule(Server& server, const Arguments& arguments) {
  if (arguments.size() != 1) return fail("name one rule, as `rules` shows them");
  if (auto status = server.access().rulebook().remove(arguments[0]); !status) {
    return Unexpected(status.error());
  }
  return control::json_text(fmt::format("rule {} is gone", arguments[0]));
}

// ---- why and what if

Result<std::string> why(Server& server, const Arguments& arguments) {
  if (arguments.empty() || arguments.size() > 2) return fail("name one hotkey or address");
  const auto last = policy::parse_duration(arguments.size() == 2 ? arguments[1] : "1h");
  if (!last) return Unexpected(last.error());
  auto& access = server.access();
  std::vector<policy::RefusalBook::Line> lines;
  if (const auto ip = base::IpAddress::parse(arguments[0])) {
    lines = access.refusals().of(*ip, *last, access.now());
  } else if (const auto hotkey = wire::decode_ss58(arguments[0])) {
    lines = access.refusals().of(hotkey->key, *last, access.now());
  } else {
    return fail(fmt::format("\"{}\" is neither an address nor a hotkey: {}", arguments[0],
                            hotkey.error().message));
  }
  std::vector<WhyRow> rows;
  rows.reserve(lines.size());
  for (auto& line : lines) {
    rows.push_back({line.count, std::string(to_string(line.code)), std::move(line.rule),
                    std::move(line.reason), std::move(line.route), time_text(line.first),
                    time_text(line.last)});
  }
  return json_list(rows);
}

Result<std::string> test(Server& server, const Arguments& arguments) {
  if (arguments.size() != 3) return fail("name a hotkey, an address and a route");
  const auto hotkey = wire::decode_ss58(arguments[0]);
  if (!hotkey) return fail("no hotkey: " + hotkey.error().message);
  const auto ip = base::IpAddress::parse(arguments[1]);
  if (!ip) return fail(fmt::format("\"{}\" is no IPv4 or IPv6 address", arguments[1]));
  const auto route = std::string_view(arguments[2]).substr(arguments[2].starts_with('/') ? 1 : 0);

  const auto [refusal, standing] = server.pipeline().rehearse({hotkey->key, *ip, route});
  TestResult result;
  result.verdict = refusal ? "refused" : "let in, once it proves itself";
  result.code = to_string(refusal ? refusal->code : Code::ok);
  result.rule = refusal && !refusal->rule.empty() ? refusal->rule : standing.ruling.rule;
  if (refusal) result.reason = refusal->reason.empty() ? refusal->told : refusal->reason;
  const auto view = server.access().metagraph().view();
  if (const auto* neuron = view.metagraph ? view.metagraph->find(hotkey->key) : nullptr) {
    result.uid = neuron->uid;
    result.validator_permit = neuron->validator_permit;
    result.stake = neuron->stake;
  }
  result.registered = standing.neuron.has_value();
  result.weight = standing.weight;
  result.would_refuse = standing.ruling.would_refuse;
  result.dialects = server.authenticator().accepted(route).text();
  return to_json(result);
}

Result<std::string> metagraph(Server& server, const Arguments& arguments) {
  auto& source = server.access().metagraph();
  if (!arguments.empty()) {
    if (arguments[0] != "refresh") return fail("there is `metagraph` and `metagraph --refresh`");
    source.refresh();
    return control::json_text("the metagraph is being read");
  }
  const auto view = source.view();
  const auto status = source.status();
  MetagraphStatus told;
  told.state = !view.wanted      ? "none configured"
               : !view.metagraph ? "never read"
               : view.fresh      ? "fresh"
                                 : "stale";
  if (status.age) told.age_s = status.age->count();
  told.block = status.block;
  told.neurons = status.neurons;
  told.readings = status.readings;
  told.failures = status.failures;
  told.error = status.error;
  return to_json(told);
}

}  // namespace

void add_access_commands(control::Commands& commands, Server& server) {
  const auto about = [&server](auto act) {
    return [&server, act](const Arguments& arguments) { return act(server, arguments); };
  };
  commands["rules"] = [&server](const auto&) { return list_rules(server); };
  commands["allow"] = adds(server, policy::Action::allow, false);
  commands["deny"] = adds(server, policy::Action::deny, false);
  commands["ban"] = adds(server, policy::Action::deny, true);
  commands["remove"] = about(remove_rule);
  commands["why"] = about(why);
  commands["test"] = about(test);
  commands["metagraph"] = about(metagraph);
}

}  // namespace dojo::host
