#include "request/admit.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "request/route.hpp"

namespace dojo::request {
namespace {

Refusal over_quota(const policy::Over& over) {
  Refusal refusal{Code::quota, fmt::format("Too Many Requests: over the quota of {}", over.quota)};
  refusal.rule = over.quota;
  refusal.retry_after =
      std::max(std::chrono::ceil<std::chrono::seconds>(over.retry_after), std::chrono::seconds(1));
  return refusal;
}

std::optional<Refusal> over_quota(const std::optional<policy::Over>& over) {
  return over ? std::optional(over_quota(*over)) : std::nullopt;
}

Refusal shut_out(const policy::Over& over) {
  auto refusal = over_quota(over);
  refusal.close = true;
  return refusal;
}

Refusal blacklisted(const policy::Ruling& ruling) {
  Refusal refusal{Code::blacklisted, "Blacklisted: " + ruling.reason};
  refusal.rule = ruling.rule;
  return refusal;
}

bool signs_body(const Exchange& exchange) {
  return dialect(exchange.caller().dialect).signs_body();
}

/// Bytes of the body, where the head says how many: net has seen to it that it says so soundly.
std::optional<std::size_t> declared_bytes(const net::Head& head) {
  const auto text = head.value("content-length");
  std::size_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return bytes;
}

}  // namespace

std::optional<Refusal> Admitter::check(Exchange& exchange) {
  auto& quotas = access_.quotas();
  const auto& ip = exchange.address;
  if (const auto over = quotas.shut_out(ip)) return shut_out(*over);
  if (auto over = over_quota(quotas.charge_ip(ip))) return over;

  const auto route = exchange.route_name();
  auto claim = authenticator_.read(exchange.head, route);
  if (!claim) return std::move(claim.error());
  exchange.claim = std::move(*claim);
  const auto& hotkey = exchange.caller().key;

  auto standing = access_.judge({hotkey, ip, route});
  exchange.neuron = standing.neuron;
  exchange.known = exchange.neuron.has_value();
  if (!standing.ruling.allowed) return blacklisted(standing.ruling);
  exchange.weight = standing.weight;
  exchange.registered = standing.registered;

  if (auto refusal = authenticator_.look_at(exchange.claim, exchange.head)) return refusal;
  if (auto over = over_quota(quotas.look_at(hotkey, exchange.weight))) return over;
  if (!signs_body(exchange)) {  // else who it is shows when the body is there
    if (auto refusal = count_failure(authenticator_.prove(exchange.claim, exchange.head), exchange))
      return refusal;
    exchange.known = true;
    account_for(exchange);
    if (auto refusal = charge(exchange)) return refusal;
    if (const auto bytes = declared_bytes(exchange.head)) {
      if (auto refusal = charge_bytes(exchange, *bytes)) return refusal;
    }
  }
  tell_of_dry_rules(exchange, standing.ruling.would_refuse);
  return std::nullopt;
}

std::optional<Refusal> Admitter::check_body(Exchange& exchange) {
  if (auto refusal =
          count_failure(authenticator_.prove_body(exchange.claim, exchange.body), exchange)) {
    exchange.known = exchange.neuron.has_value();
    return refusal;
  }
  exchange.known = true;
  have_signed(exchange);
  if (signs_body(exchange)) {
    account_for(exchange);
    if (auto refusal = charge(exchange)) return refusal;
  }
  return exchange.charged ? std::nullopt : charge_bytes(exchange, exchange.body.size());
}

/// Rules that are only tried, and would not have let it in.
void Admitter::tell_of_dry_rules(const Exchange& exchange, const std::vector<std::string>& rules) {
  for (const auto& rule : rules) {
    if (!dry_rules_.take()) return;
    log_.info("would be refused", {{"hotkey", exchange.caller().hotkey}, {"rule", rule}});
  }
}

/// A wrong signature has cost a curve operation, and so has a right one that comes again where the
/// dialect has it checked first: whoever sends many pays for them.
std::optional<Refusal> Admitter::count_failure(std::optional<Refusal> refusal,
                                               const Exchange& exchange) {
  if (!refusal) return refusal;
  const bool again = refusal->code == Code::replayed && exchange.claim.btauth;
  if (again || refusal->code == Code::bad_signature)
    access_.quotas().count_failure(exchange.address);
  return refusal;
}

/// From now on the budgets know it by its hotkey.
void Admitter::account_for(Exchange& exchange) {
  if (!exchange.account) return;  // it does not come from a server
  const base::Holder holder{exchange.caller().key, exchange.registered};
  auto& before = exchange.account_before;
  exchange.account =
      before && before->holder() == holder ? std::move(before) : exchange.account->open(holder);
  exchange.account->set_weight(exchange.weight);
}

/// From here on: before it is proven who asks, a stranger could choose what the host signs.
void Admitter::have_signed(Exchange& exchange) {
  if (!authenticator_.signs_answer_to(exchange.claim)) return;
  exchange.signer = &signer_;
  exchange.terms.accepts_zstd = false;  // many clients decompress before they look at anything
}

std::optional<Refusal> Admitter::charge(Exchange& exchange) {
  return over_quota(
      access_.quotas().charge_hotkey(exchange.caller().key, exchange.weight, exchange.place));
}

std::optional<Refusal> Admitter::charge_bytes(Exchange& exchange, std::size_t bytes) {
  exchange.charged = true;
  return over_quota(access_.quotas().charge_bytes(exchange.caller().key, exchange.weight,
                                                  exchange.address, bytes));
}

Admitter::Rehearsal Admitter::rehearse(const policy::Visit& visit) {
  auto& quotas = access_.quotas();
  Rehearsal rehearsal{std::nullopt, access_.judge(visit)};
  const auto& standing = rehearsal.standing;
  if (const auto over = quotas.shut_out(visit.ip)) {
    rehearsal.refusal = shut_out(*over);
  } else if (!standing.ruling.allowed) {
    rehearsal.refusal = blacklisted(standing.ruling);
  } else {
    rehearsal.refusal = over_quota(quotas.look_at(visit.hotkey, standing.weight));
  }
  return rehearsal;
}

}  // namespace dojo::request
