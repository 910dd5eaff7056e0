// The parts of the configuration that say who may call.
#pragma once

#include <filesystem>

#include "config/table.hpp"
#include "policy/metagraph/metagraph_source.hpp"
#include "policy/rules/rules.hpp"

namespace dojo::host {

/// [metagraph]. @param folder what paths are relative to
/// @return whether one is to be had, well said or not
bool read_metagraph(Table table, const std::filesystem::path& folder,
                    policy::MetagraphOptions& metagraph);

/// [access]. The rules are asked in this order: `allow`, `deny`, [[access.rules]],
/// `validators_only`, `min_stake`.
/// @param metagraph whether there is one to ask; without, rules that would are complained of
void read_access(Table table, bool metagraph, Complaints& complaints, policy::RuleOptions& access);

}  // namespace dojo::host
