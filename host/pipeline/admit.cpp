#include "pipeline/admit.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "pipeline/route.hpp"

namespace dojo::pipeline {
namespace {

Refusal over_quota(const access::Over& over) {
  Refusal refusal{Code::quota, fmt::format("Too Many Requests: over the quota of {}", over.quota)};
  refusal.rule = over.quota;
  refusal.retry_after =
      std::max(std::chrono::ceil<std::chrono::seconds>(over.retry_after), std::chrono::seconds(1));
  return refusal;
}

std::optional<Refusal> over_quota(const std::optional<access::Over>& over) {
  return over ? std::optional(over_quota(*over)) : std::nullopt;
}

Refusal shut_out(const access::Over& over) {
  auto refusal = over_quota(over);
  refusal.close = true;
  return refusal;
}

Refusal blacklisted(const access::Verdict& verdict) {
  Refusal refusal{Code::blacklisted, "Blacklisted: " + verdict.reason};
  refusal.rule = verdict.rule;
  return refusal;
}

bool signs_body(const Guest& guest) {
  return dialect(guest.claim.caller.dialect).signs_body();
}

/// Bytes of the body, where the head says how many: net has seen to it that it says so soundly.
std::optional<std::size_t> declared_bytes(const Head& head) {
  const auto text = header(*head.headers, "content-length");
  std::size_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return bytes;
}

}  // namespace

Expected<Guest, Refusal> Admitter::check(const Head& head, const net::IpAddress& ip,
                                         Subject& subject) {
  auto& quotas = access_.quotas();
  if (const auto over = quotas.shut_out(ip)) return Unexpected(shut_out(*over));
  if (auto over = over_quota(quotas.charge_ip(ip))) return Unexpected(std::move(*over));

  auto claim = authenticator_.read(head);
  if (!claim) return Unexpected(std::move(claim.error()));
  Guest guest{std::move(*claim), ip};
  const auto& hotkey = guest.claim.caller.key;
  subject.hotkey = hotkey;

  auto standing = access_.judge({hotkey, ip, route_of(head.path)});
  subject.known = guest.registered = standing.registered;
  if (!standing.verdict.allowed) return Unexpected(blacklisted(standing.verdict));
  guest.would_refuse = std::move(standing.verdict.would_refuse);
  guest.weight = standing.weight;

  if (auto refusal = authenticator_.look_at(guest.claim, head)) {
    return Unexpected(std::move(*refusal));
  }
  if (auto over = over_quota(quotas.look_at(hotkey, guest.weight))) {
    return Unexpected(std::move(*over));
  }
  if (signs_body(guest)) return guest;  // who it is shows when the body is there

  if (auto refusal = count_failure(authenticator_.prove(guest.claim), ip)) {
    return Unexpected(std::move(*refusal));
  }
  subject.known = true;
  if (auto refusal = charge(guest)) return Unexpected(std::move(*refusal));
  if (const auto bytes = declared_bytes(head)) {
    if (auto refusal = charge_bytes(guest, *bytes)) return Unexpected(std::move(*refusal));
  }
  return guest;
}

std::optional<Refusal> Admitter::check_body(Guest& guest, std::string_view body) {
  if (auto refusal = count_failure(authenticator_.prove_body(guest.claim, body), guest.ip)) {
    return refusal;
  }
  if (signs_body(guest)) {
    if (auto refusal = charge(guest)) return refusal;
  }
  return guest.charged ? std::nullopt : charge_bytes(guest, body.size());
}

/// A wrong signature has cost a curve operation: whoever sends many pays for them.
std::optional<Refusal> Admitter::count_failure(std::optional<Refusal> refusal,
                                               const net::IpAddress& ip) {
  if (refusal && refusal->code == Code::bad_signature) access_.quotas().count_failure(ip);
  return refusal;
}

std::optional<Refusal> Admitter::charge(Guest& guest) {
  return over_quota(
      access_.quotas().charge_hotkey(guest.claim.caller.key, guest.weight, guest.place));
}

std::optional<Refusal> Admitter::charge_bytes(Guest& guest, std::size_t bytes) {
  guest.charged = true;
  return over_quota(
      access_.quotas().charge_bytes(guest.claim.caller.key, guest.weight, guest.ip, bytes));
}

Admitter::Rehearsal Admitter::rehearse(const access::Visit& visit) {
  auto& quotas = access_.quotas();
  Rehearsal rehearsal{std::nullopt, access_.judge(visit)};
  const auto& standing = rehearsal.standing;
  if (const auto over = quotas.shut_out(visit.ip)) {
    rehearsal.refusal = shut_out(*over);
  } else if (!standing.verdict.allowed) {
    rehearsal.refusal = blacklisted(standing.verdict);
  } else {
    rehearsal.refusal = over_quota(quotas.look_at(visit.hotkey, standing.weight));
  }
  return rehearsal;
}

}  // namespace dojo::pipeline
