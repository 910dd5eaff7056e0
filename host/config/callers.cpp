#include "config/callers.hpp"

#include <fmt/format.h>

#include "base/address.hpp"

namespace dojo::host {

using policy::Action;

bool says_nothing_of_callers(const Config& config, const std::string& address) {
  const auto listens_on = base::IpAddress::parse(address);
  return !(listens_on && listens_on->is_loopback()) && config.access.rules.empty() &&
         !config.metagraph.wanted() && !config.written.contains("access.default");
}

policy::RuleOptions rules_for(const Config& config, const std::string& address) {
  auto rules = config.access;
  if (says_nothing_of_callers(config, address)) rules.otherwise = Action::deny;
  return rules;
}

std::string who_may_call(const Config& config, const std::string& address) {
  const auto rules = rules_for(config, address);
  const bool all = rules.otherwise == Action::allow;
  std::string text;
  if (!rules.rules.empty()) {
    const auto count = rules.rules.size();
    text = fmt::format("{} {} first; all others may {}", count,
                       count == 1 ? "rule decides" : "rules decide", all ? "call" : "not call");
  } else if (all) {
    text = "everybody may call";
  } else {
    text = "nobody may call but whom `dojo-host ctl allow` lets in";
  }
  if (rules.dry_run) text += "; access.dry_run refuses nobody";
  if (says_nothing_of_callers(config, address)) {
    text += fmt::format(
        ": other machines reach {}, and nothing says who may. Set access.validators_only with "
        "[metagraph], access.allow or [[access.rules]]; access.default = \"allow\" lets everybody "
        "in",
        address);
  }
  return text;
}

}  // namespace dojo::host
