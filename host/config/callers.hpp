// Who may call, all that is configured taken together.
#pragma once

#include <string>

#include "config/config.hpp"
#include "policy/rules/rules.hpp"

namespace dojo::host {

/// Whether nothing says who may call a host that other machines can reach: there is no rule, no
/// metagraph and no `access.default`. @param address what it listens on
bool says_nothing_of_callers(const Config& config, const std::string& address);

/// The rules that count on such an address: where nothing is said, nobody may call.
policy::RuleOptions rules_for(const Config& config, const std::string& address);

/// Who may call, in a sentence for the operator.
std::string who_may_call(const Config& config, const std::string& address);

}  // namespace dojo::host
