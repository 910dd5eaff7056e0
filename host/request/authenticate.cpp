#include "request/authenticate.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace dojo::request {
namespace {

using Kind = policy::ReplayMemory::Kind;

Refusal sent_before() {
  return {Code::replayed, "Forbidden: this request was sent before"};
}

Refusal wrong_signature() {
  return {Code::bad_signature, "Forbidden due to invalid signature"};
}

/// Signed for something else, or for somebody else.
Refusal another_text() {
  auto told =
      fmt::format("{}: the legacy dialect's text is \"{}\", with the address of {}",
                  wire::kMessageHeader, wire::legacy_message("<hotkey>"), wire::kHotkeyHeader);
  return {
      Code::malformed, std::move(told),
      "x-message: not the legacy dialect's text for this hotkey; auth.legacy_text = \"any\" would "
      "take it"};
}

Refusal another_body() {
  return {Code::bad_signature, "Forbidden: the body is not the one that was signed"};
}

Refusal too_old_to_know() {
  return {Code::stale,
          "Forbidden: signed before this host started, or before what it can remember; sign anew"};
}

/// The same as btauth/1 has it: no fault of the caller's, who is to try again with a signature of a
/// later time.
Refusal unable_to_know(std::chrono::nanoseconds wait) {
  return {Code::stale,
          "Service Unavailable: this host may have forgotten requests of that time; sign anew",
          {},
          503,
          std::max(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1))};
}

/// What this host may have forgotten, all of it or this hotkey's.
Refusal not_known_any_more(const Dialect& dialect, std::chrono::nanoseconds wait) {
  return dialect.name() == wire::Dialect::btauth1 ? unable_to_know(wait) : too_old_to_know();
}

std::optional<Refusal> refusal_of(policy::Seen seen, const Dialect& dialect) {
  switch (seen) {
    case policy::Seen::fresh:
      return std::nullopt;
    case policy::Seen::known:
      return sent_before();
    case policy::Seen::given_up:
      return not_known_any_more(dialect, {});
  }
  return sent_before();
}

Unexpected<Refusal> turned_off(std::string_view what, std::string_view accepted) {
  return Unexpected(
      Refusal{Code::malformed, fmt::format("{} is turned off here; accepted: {}", what, accepted)});
}

Kind kind_of(const Dialect& dialect) {
  return dialect.name() == wire::Dialect::legacy ? Kind::legacy : Kind::nonce;
}

/// The message's, by which it is remembered; nothing where it has none.
WallTime time_of(const Dialect& dialect, const Claim& claim) {
  const auto time = dialect.time(claim);
  return time ? std::chrono::ceil<std::chrono::milliseconds>(*time) : WallTime();
}

bool remembers(Kind kind, const AuthOptions& options) {
  return kind == Kind::nonce || options.legacy_memory.count() > 0;
}

/// How long a nonce is kept, from its message's time on.
std::chrono::milliseconds nonce_memory(const AuthOptions& options) {
  auto longest =
      std::max(2 * options.window, 2 * (options.epistula_past + options.epistula_future));
  const auto cover = [&](const BtauthOptions& btauth) {
    longest = std::max(longest, 2 * (btauth.max_age + btauth.skew));
  };
  cover(options.btauth);
  for (const auto& [name, route] : options.routes) cover(route.btauth);
  return longest + std::chrono::seconds(1);
}

}  // namespace

Authenticator::Authenticator(AuthOptions options, const wire::PublicKey& self,
                             policy::ReplayMemory& seen, std::function<Moment()> now,
                             const Sessions* sessions, const policy::Access* access)
    : self_{self, wire::encode_ss58(self)},
      seen_(seen),
      now_(std::move(now)),
      sessions_(sessions),
      access_(access),
      options_(std::make_shared<const AuthOptions>()) {
  apply(std::move(options));
}

void Authenticator::apply(AuthOptions options) {
  seen_.keep(Kind::nonce, nonce_memory(options));
  seen_.keep(Kind::legacy, options.legacy_memory);
  options_.publish(std::make_shared<const AuthOptions>(std::move(options)));
}

DialectSet Authenticator::accepted(std::string_view route) const {
  return options_.read().on(route).dialects;
}

Expected<Claim, Refusal> Authenticator::read_proof(const net::Head& head) const {
  if (sessions_ != nullptr && head.count(wire::kSessionHeader) != 0) return sessions_->read(head);
  const auto spoken = dialect_of(head);
  if (!spoken) return Unexpected(spoken.error());
  return (*spoken)->read(head);
}

Expected<Claim, Refusal> Authenticator::read(const net::Head& head, std::string_view route) const {
  auto claim = read_proof(head);
  if (!claim) return claim;
  claim->route = route;
  const auto& options = options_.read();
  const auto& taken = options.on(route);
  const auto name = claim->caller.dialect;
  if (!taken.dialects.contains(name)) {
    return turned_off(name == wire::Dialect::legacy ? "the legacy dialect" : wire::to_string(name),
                      taken.dialects.text());
  }
  const auto& only = taken.btauth.scheme;
  if (claim->btauth && only && *only != claim->btauth->scheme) {
    return turned_off(wire::to_string(claim->btauth->scheme), wire::to_string(*only));
  }
  if (name == wire::Dialect::legacy && !options.any_legacy_text &&
      !wire::is_legacy_message_of(claim->message, claim->caller.key)) {
    return Unexpected(another_text());
  }
  return claim;
}

std::optional<Refusal> Authenticator::look_at(Claim& claim, const net::Head& head) const {
  const auto& spoken = dialect(claim.caller.dialect);
  const auto& options = options_.read();
  // The tag binds it to this host, and the session knows its counts.
  if (claim.session) {
    return check_window(moment_of(claim.session->stated.statement.time),
                        spoken.window(claim, options));
  }
  if (auto refusal = spoken.check_receiver(claim, head, self_, options)) return refusal;
  if (const auto time = spoken.time(claim)) {
    const auto window = spoken.window(claim, options);
    if (auto refusal = check_window(*time, window)) return refusal;
    if (auto refusal = check_memory(spoken, *time, window)) return refusal;
  }
  // Whoever repeats a nonce or a signature is refused, whether the rest is right or not, so this
  // goes before the curve. A nonce counts per caller: nobody can use up another's.
  if (!remembers(kind_of(spoken), options)) return std::nullopt;
  claim.once = name_of(spoken, claim);
  // But that of btauth/1, whose order has the signature first.
  if (spoken.name() == wire::Dialect::btauth1) return std::nullopt;
  return refusal_of(seen_.look(kind_of(spoken), *claim.once, time_of(spoken, claim)), spoken);
}

std::optional<Refusal> Authenticator::check_window(Moment time, Window window) const {
  // No overflow: neither is before 1970.
  const auto age = now_() - time;
  if (age <= window.past && age >= -window.future) return std::nullopt;
  const bool behind = age.count() > 0;
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  return Refusal{Code::stale,
                 fmt::format("Forbidden: the time is {} s {} ours, more than {} s",
                             duration_cast<seconds>(std::chrono::abs(age)).count(),
                             behind ? "behind" : "ahead of",
                             duration_cast<seconds>(behind ? window.past : window.future).count())};
}

std::optional<Refusal> Authenticator::check_memory(const Dialect& dialect, Moment time,
                                                   Window window) const {
  const auto blind = seen_.blind_until(window.future);
  if (std::chrono::floor<std::chrono::milliseconds>(time) > blind) return std::nullopt;
  return not_known_any_more(dialect, blind - now_());
}

std::optional<Refusal> Authenticator::prove(const Claim& claim, const net::Head& head) {
  if (claim.session) return sessions_->prove(*claim.session, head);
  const auto& spoken = dialect(claim.caller.dialect);
  if (spoken.signs_body()) return std::nullopt;
  if (!spoken.signature_holds(claim, {}, known_)) return wrong_signature();
  return remember(spoken, claim, options_.read());
}

std::optional<Refusal> Authenticator::prove_body(const Claim& claim, std::string_view body) {
  if (claim.session) {
    const bool same = wire::hash_body(body) == claim.session->stated.statement.body;
    return same ? std::nullopt : std::optional(another_body());
  }
  const auto& spoken = dialect(claim.caller.dialect);
  if (spoken.signs_body()) {
    if (!spoken.signature_holds(claim, body, known_)) return wrong_signature();
    return remember(spoken, claim, options_.read());
  }
  if (spoken.body_holds(claim, body)) return std::nullopt;
  return another_body();
}

bool Authenticator::signs_answer_to(const Claim& claim) const {
  return claim.btauth && options_.read().on(claim.route).btauth.sign_answers;
}

policy::ReplayName Authenticator::name_of(const Dialect& dialect, const Claim& claim) const {
  const auto& key = claim.caller.key;
  return seen_.name(kind_of(dialect), {reinterpret_cast<const char*>(key.data()), key.size()},
                    dialect.used_once(claim));
}

std::optional<Refusal> Authenticator::remember(const Dialect& dialect, const Claim& claim,
                                               const AuthOptions& options) {
  const auto kind = kind_of(dialect);
  if (!claim.once) return std::nullopt;  // when it was looked at, nothing was remembered
  const policy::Signer signer{claim.caller.hotkey, access_ == nullptr
                                                       ? policy::Enrolment()
                                                       : access_->enrolment(claim.caller.key)};
  const auto seen = seen_.insert(kind, *claim.once, time_of(dialect, claim), signer);
  if (auto refusal = refusal_of(seen, dialect)) return refusal;
  // A body may take longer to come than what was seen before it is remembered.
  const auto time = dialect.time(claim);
  return time ? check_memory(dialect, *time, dialect.window(claim, options)) : std::nullopt;
}

}  // namespace dojo::request
