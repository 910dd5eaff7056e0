// Whom a rule is about, as people write it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <dojo/result.hpp>

#include "policy/rules/rules.hpp"

namespace dojo::policy {

/// Reads an SS58 hotkey, an IP address or CIDR block, `coldkey:<SS58>`, or `uid:<number>`.
/// @return a nameless rule that denies, with this one criterion; or an error (Code::malformed) that
/// says what is wrong with the text. Any thread.
Result<Rule> parse_subject(std::string_view text);

/// The criterion alone, as a member of a list.
Result<wire::PublicKey> parse_hotkey(std::string_view text);
Result<std::uint16_t> parse_uid(std::string_view text);
/// A block's address may not have bits behind its prefix: 10.1.2.3/8 is likelier a mistake than
/// 16 million addresses.
Result<base::Network> parse_network(std::string_view text);

/// Reads a number and s, m, h or d: "90s", "10m", "1h", "7d".
/// @return 1 s to 3,650 days, or an error. Any thread.
Result<std::chrono::seconds> parse_duration(std::string_view text);

/// A rule's criteria for people: "hotkey 5F… ip 10.0.0.0/8 min_stake 1000", or "everybody". Of a
/// long list the first, and how many more there are. Any thread.
std::string describe(const Rule& rule);

}  // namespace dojo::policy
