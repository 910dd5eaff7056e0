#include "policy/rules/subject.hpp"

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "text/terminal.hpp"

namespace dojo::policy {
namespace {

using std::chrono::seconds;

constexpr seconds kLongest = std::chrono::hours(24 * 3650);

auto refuse(std::string message) {
  return fail(std::move(message), Code::malformed);
}

/// For people to see what they wrote.
std::string quoted(std::string_view text) {
  return '"' + text::printable(text, 100) + '"';
}

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (digits.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

template <class T, class Member>
Result<Rule> rule_with(Result<T> value, Member member) {
  if (!value) return Unexpected(value.error());
  Rule rule;
  (rule.*member).push_back(std::move(*value));
  return rule;
}

}  // namespace

Result<wire::PublicKey> parse_hotkey(std::string_view text) {
  const auto address = wire::decode_ss58(text);
  if (!address) return refuse("no SS58 address: " + address.error().message);
  return address->key;
}

Result<std::uint16_t> parse_uid(std::string_view text) {
  const auto value = number(text);
  if (value && *value <= std::numeric_limits<std::uint16_t>::max()) {
    return static_cast<std::uint16_t>(*value);
  }
  return refuse(quoted(text) + " is no uid: a number from 0 to 65535");
}

Result<base::Network> parse_network(std::string_view text) {
  const auto network = base::Network::parse(text);
  if (!network) {
    return refuse(quoted(text) +
                  " is no IP address, and no CIDR block such as 10.0.0.0/8 or 2001:db8::/32");
  }
  const auto address = base::IpAddress::parse(text.substr(0, text.find('/')));
  if (address != network->base()) {
    return refuse(fmt::format("{} has bits behind its prefix; the block is {}", quoted(text),
                              network->text()));
  }
  return *network;
}

Result<Rule> parse_subject(std::string_view text) {
  constexpr std::string_view kColdkey = "coldkey:";
  constexpr std::string_view kUid = "uid:";
  if (text.starts_with(kColdkey)) {
    return rule_with(parse_hotkey(text.substr(kColdkey.size())), &Rule::coldkeys);
  }
  if (text.starts_with(kUid)) return rule_with(parse_uid(text.substr(kUid.size())), &Rule::uids);
  // No SS58 address has any of these, and every IP address has one.
  const bool may_be_ip = text.find_first_of(".:/") != std::string_view::npos;
  auto rule = may_be_ip ? rule_with(parse_network(text), &Rule::networks)
                        : rule_with(parse_hotkey(text), &Rule::hotkeys);
  if (rule || base::IpAddress::parse(text.substr(0, text.find('/')))) return rule;
  return refuse(
      fmt::format("{} is no hotkey{}, IP address, CIDR block, coldkey:<SS58> or uid:<number>",
                  quoted(text), may_be_ip ? "" : " (" + rule.error().message + ")"));
}

Result<seconds> parse_duration(std::string_view text) {
  const auto count = number(text.substr(0, text.empty() ? 0 : text.size() - 1));
  seconds unit{0};
  switch (text.empty() ? '\0' : text.back()) {
    case 's':
      unit = seconds(1);
      break;
    case 'm':
      unit = std::chrono::minutes(1);
      break;
    case 'h':
      unit = std::chrono::hours(1);
      break;
    case 'd':
      unit = std::chrono::hours(24);
      break;
    default:
      break;
  }
  if (!count || unit == seconds(0) || *count == 0 ||
      *count > static_cast<std::uint64_t>(kLongest / unit)) {
    return refuse(quoted(text) +
                  " is no time: a number and s, m, h or d, such as 10m or 7d, up to 3650d");
  }
  return unit * static_cast<seconds::rep>(*count);
}

std::string describe(const Rule& rule) {
  std::string text;
  const auto add = [&](std::string_view what, const auto& values, const auto& show) {
    if (values.empty()) return;
    text += fmt::format("{}{} {}", text.empty() ? "" : " ", what, show(values.front()));
    if (values.size() > 1) text += fmt::format(" and {} more", values.size() - 1);
  };
  const auto address = [](const wire::PublicKey& key) { return wire::encode_ss58(key); };
  add("hotkey", rule.hotkeys, address);
  add("coldkey", rule.coldkeys, address);
  add("uid", rule.uids, [](std::uint16_t uid) { return std::to_string(uid); });
  add("ip", rule.networks, [](const base::Network& network) { return network.text(); });
  const auto add_value = [&](std::string_view what, const auto& value) {
    if (value) text += fmt::format("{}{} {}", text.empty() ? "" : " ", what, *value);
  };
  add_value("validator_permit", rule.validator_permit);
  add_value("min_stake", rule.min_stake);
  add_value("below_stake", rule.below_stake);
  return text.empty() ? "everybody" : text;
}

}  // namespace dojo::policy
