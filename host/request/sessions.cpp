#include "request/sessions.hpp"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include <dojo/model.hpp>

namespace dojo::request {
namespace {

constexpr char kRule[] = "session";  // tells wrong tags from wrong signatures

Refusal no_session(std::string_view why) {
  Refusal refusal{Code::no_session, fmt::format("Forbidden: the session is {} here", why)};
  refusal.rule = why;
  return refusal;
}

Refusal refused(Code code, std::string_view why) {
  Refusal refusal{code, fmt::format("Forbidden: {}", why)};
  refusal.rule = kRule;
  return refusal;
}

Unexpected<Refusal> malformed(std::string_view header, std::string_view why) {
  return Unexpected(Refusal{Code::malformed, fmt::format("{}: {}", header, why)});
}

/// Whether a caller has proven enough to open one: who it is, for whom, and that the key is its
/// own.
std::optional<Refusal> check_opener(const Claim& claim) {
  if (claim.session || !claim.dojo) {
    return Refusal{Code::malformed, "Bad Request: a session is opened by a dojo/1 signature"};
  }
  if (!claim.dojo->to) {
    return Refusal{Code::wrong_receiver, "Forbidden: a session is opened for a named receiver"};
  }
  return std::nullopt;
}

Result<wire::ExchangeKey> read_key(std::string_view body) {
  const auto opening = from_json<wire::OpenSession>(body);
  if (!opening) return Unexpected(opening.error());
  return wire::parse_exchange_key(opening->key);
}

}  // namespace

Sessions::Sessions(policy::SessionStore& store, std::optional<wire::Keypair> identity)
    : store_(store),
      identity_(std::move(identity)),
      address_(identity_ ? identity_->address() : std::string()) {}

Expected<std::string, Refusal> Sessions::open(const Claim& claim, std::string_view body) const {
  if (!identity_) return Unexpected(Refusal{Code::not_found, "Not Found: there are no sessions"});
  if (auto refusal = check_opener(claim)) return Unexpected(std::move(*refusal));
  const auto client_key = read_key(body);
  if (!client_key) return Unexpected(Refusal{Code::invalid_body, client_key.error().message});
  const wire::ExchangeSecret secret;
  const wire::SessionTerms terms{.host = identity_->public_key(),
                                 .client = claim.caller.key,
                                 .host_key = secret.public_key(),
                                 .client_key = *client_key,
                                 .id = wire::make_session_id(),
                                 .expires = store_.end_of_new()};
  const auto key = wire::SessionKey::derive(secret, *client_key, terms);
  if (!key) return Unexpected(Refusal{Code::invalid_body, key.error().message});
  if (!store_.insert(std::make_shared<policy::Session>(terms, *key))) {
    return Unexpected(Refusal{Code::not_found, "Not Found: there are no sessions any more"});
  }
  return to_json(wire::OpenedSession{
                     wire::format_exchange_key(terms.host_key), wire::format_session_id(terms.id),
                     terms.expires.time_since_epoch().count(),
                     wire::format_signature(identity_->sign(wire::format_session(terms)))})
      .value();
}

Expected<Claim, Refusal> Sessions::read(const net::Head& head) const {
  // Of two proofs one would go unseen.
  if (head.count(wire::kSignatureHeader) != 0 || head.count(wire::kEpistulaVersionHeader) != 0 ||
      speaks_btauth(head)) {
    return malformed(wire::kSessionHeader, "the request is signed too; leave out one of them");
  }
  const auto stated = wire::parse_session_header(head.value(wire::kSessionHeader));
  if (!stated) return malformed(wire::kSessionHeader, stated.error().message);
  auto session = store_.find(stated->statement.id);
  if (!session) return Unexpected(no_session("unknown"));
  if (session->expires() <= store_.now()) return Unexpected(no_session("expired"));
  Claim claim;
  claim.caller = {session->hotkey(), session->address(), wire::Dialect::dojo1};
  claim.session.emplace(OnSession{std::move(session), *stated});
  return claim;
}

std::optional<Refusal> Sessions::prove(const OnSession& claim, const net::Head& head) const {
  const auto stated = head.value(wire::kSessionHeader).substr(0, claim.stated.stated);
  const auto tag = claim.session->key().tag(head.method(), head.path(), address_, stated);
  if (!wire::same_tag(tag, claim.stated.tag)) {
    return refused(Code::bad_signature, "not the tag of this session over this request");
  }
  // Only now, so that nobody uses up another's numbers.
  if (!claim.session->take(claim.stated.statement.count, store_.now())) {
    return refused(Code::replayed, "this count of the session was used before, or is too far back");
  }
  return std::nullopt;
}

}  // namespace dojo::request
