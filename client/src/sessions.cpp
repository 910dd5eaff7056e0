#include "sessions.hpp"

#include <utility>

#include <dojo/wire/signature.hpp>

#include "signing.hpp"

namespace dojo::detail {
namespace {

// A peer that knows no sessions may learn of them; one that could not give one now may do better.
constexpr std::chrono::seconds kUntilItMayKnow{3'600};
constexpr std::chrono::seconds kUntilItMayBeBetter{60};

// One that is lost sooner has saved nothing: behind the address there may be several hosts.
constexpr std::uint64_t kWorthIt = 8;

// Peers of which a note is kept. Requests to others are signed.
constexpr std::size_t kMostPeers = 65'536;

// Before it ends: a request takes its time to arrive.
constexpr std::chrono::seconds kOnTheWay{1};

/// Whether the answer says that there are none here, and not only that it cannot be now.
bool is_final(int status) {
  return status >= 300 && status < 500 && status != 408 && status != 425 && status != 429;
}

/// What the host has answered, if it is the host that was meant, and all of it is right.
Result<Session> read(Response&& answer, const wire::ExchangeSecret& secret,
                     wire::SessionTerms terms) {
  const auto response = read_model(std::move(answer));
  if (!response.ok()) return fail(response.reason());
  const auto opened = from_json<wire::OpenedSession>(response.body->text);
  if (!opened) return Unexpected(opened.error());
  const auto key = wire::parse_exchange_key(opened->key);
  if (!key) return Unexpected(key.error());
  const auto id = wire::parse_session_id(opened->id);
  if (!id) return Unexpected(id.error());
  const auto signature = wire::parse_signature(opened->signature);
  if (!signature) return Unexpected(signature.error());
  terms.host_key = *key;
  terms.id = *id;
  terms.expires = wire::SessionTime(std::chrono::milliseconds(opened->expires));
  if (!wire::verify(terms.host, wire::format_session(terms), *signature)) {
    return fail("the session is not signed by the receiver", Code::bad_signature);
  }
  if (terms.expires <= wall_clock() + kOnTheWay) return fail("the session is over already");
  const auto derived = wire::SessionKey::derive(secret, *key, terms);
  if (!derived) return Unexpected(derived.error());
  return Session{*derived, terms.id, wire::encode_ss58(terms.host), terms.expires};
}

}  // namespace

std::string Sessions::name_of(const Target& target, const wire::PublicKey& to) {
  auto name = target.base;
  name.append(reinterpret_cast<const char*>(to.data()), to.size());
  return name;
}

std::shared_ptr<Session> Sessions::find(const Target& target, const wire::PublicKey& to) {
  const auto name = name_of(target, to);
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(name);
  if (found == peers_.end()) return nullptr;
  drop_if_over(found->second);
  return found->second.session;
}

bool Sessions::is_wanted(const Target& target, const wire::PublicKey& to) {
  auto name = name_of(target, to);
  const std::lock_guard lock(mutex_);
  if (peers_.size() >= kMostPeers && !peers_.contains(name)) return false;
  auto& peer = peers_[std::move(name)];
  drop_if_over(peer);
  if (peer.session || peer.asked || Clock::now() < peer.ask_again) return false;
  peer.asked = true;
  return true;
}

Submission Sessions::opening(const Target& target, const wire::PublicKey& to,
                             std::chrono::milliseconds timeout) {
  const auto secret = std::make_shared<wire::ExchangeSecret>();
  wire::SessionTerms terms;
  terms.host = to;
  terms.client = client_;
  terms.client_key = secret->public_key();
  auto json = to_json(wire::OpenSession{wire::format_exchange_key(terms.client_key)});

  Submission submission;
  submission.target = target.at(wire::kSessionPath);
  submission.payload =
      make_payload({.body = std::move(json.value())}, false, 0, wire::Dialect::dojo1).value();
  submission.options.to = to;
  submission.options.timeout = timeout;
  submission.options.max_retries = 1;
  submission.options.preflight = Preflight::never;
  submission.options.dialect = wire::Dialect::dojo1;
  submission.opens_session = true;
  submission.deliver = [this, secret, terms,
                        name = name_of(target, to)](Response&& response) noexcept {
    const auto status = response.status;
    try {
      auto session = read(std::move(response), *secret, terms);
      if (session) {
        return settle(name, std::make_shared<Session>(std::move(*session)), {});
      }
    } catch (...) {  // NOLINT(bugprone-empty-catch): no memory; it may be better
    }
    settle(name, nullptr, is_final(status) ? kUntilItMayKnow : kUntilItMayBeBetter);
  };
  return submission;
}

void Sessions::failed(const Target& target, const wire::PublicKey& to) noexcept {
  try {
    settle(name_of(target, to), nullptr, kUntilItMayBeBetter);
  } catch (...) {  // NOLINT(bugprone-empty-catch): no memory; requests to it are signed from now on
  }
}

void Sessions::lost(const Target& target, const wire::PublicKey& to, const Session& session) {
  const auto name = name_of(target, to);
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(name);
  if (found == peers_.end() || found->second.session.get() != &session) return;
  found->second.session.reset();
  if (session.count < kWorthIt) found->second.ask_again = Clock::now() + kUntilItMayBeBetter;
}

void Sessions::drop_if_over(Peer& peer) {
  if (peer.session && peer.session->expires <= wall_clock() + kOnTheWay) peer.session.reset();
}

void Sessions::settle(const std::string& name, std::shared_ptr<Session> session,
                      std::chrono::seconds wait) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(name);
  if (found == peers_.end()) return;
  found->second.session = std::move(session);
  found->second.asked = false;
  found->second.ask_again = Clock::now() + wait;
}

}  // namespace dojo::detail
