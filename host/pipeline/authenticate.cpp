#include "pipeline/authenticate.hpp"

#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sodium.h>

#include <dojo/wire/signature.hpp>

namespace dojo::pipeline {
namespace {

using wire::Dialect;

tl::unexpected<Refusal> refuse(Code code, std::string told, std::string reason = {}) {
  return tl::unexpected(Refusal{code, std::move(told), std::move(reason)});
}

access::ReplayStore::Key digest(std::string_view first, std::string_view second) {
  access::ReplayStore::Key key;
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, key.size());
  for (const auto part : {first, second}) {
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()),
                              part.size());
  }
  crypto_generichash_final(&state, key.data(), key.size());
  return key;
}

template <std::size_t N>
std::string_view bytes(const std::array<std::uint8_t, N>& array) {
  return {reinterpret_cast<const char*>(array.data()), N};
}

}  // namespace

std::size_t PublicKeyHash::operator()(const wire::PublicKey& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

std::string_view header(const boost::beast::http::fields& headers, std::string_view name) {
  const auto range = headers.equal_range(boost::beast::string_view(name.data(), name.size()));
  if (range.first == range.second || std::next(range.first) != range.second) return {};
  const auto value = range.first->value();
  return {value.data(), value.size()};
}

struct Authenticator::Claim {
  Caller caller;
  std::string_view message;
  wire::SignatureBytes signature{};
  std::optional<wire::DojoMessage> dojo;
};

Authenticator::Authenticator(AuthOptions options, const wire::PublicKey& self,
                             std::function<WallTime()> now)
    : options_(std::move(options)),
      self_(self),
      self_address_(wire::encode_ss58(self)),
      now_(std::move(now)),
      started_(now_()),
      // A nonce must outlive every time at which its message could still be fresh.
      nonces_(options_.replay_entries, 2 * options_.window + std::chrono::seconds(1)),
      legacy_signatures_(options_.legacy_entries, options_.legacy_memory) {}

tl::expected<Caller, Refusal> Authenticator::check(const Head& head) {
  auto claim = read(head);
  if (!claim) return tl::unexpected(std::move(claim.error()));
  auto& caller = claim->caller;
  if (options_.deny.contains(caller.key)) {
    return refuse(Code::blacklisted, "Blacklisted: hotkey is on the deny list");
  }
  if (claim->dojo) {
    if (auto refusal = check_dojo1(head, *claim->dojo)) return tl::unexpected(std::move(*refusal));
  }

  // Whoever repeats a nonce or a signature is refused, whether the rest is right or not, so the
  // look-up goes first. A nonce counts per caller: nobody can use up another's.
  auto& seen = claim->dojo ? nonces_ : legacy_signatures_;
  const auto key = claim->dojo ? digest(bytes(caller.key), bytes(claim->dojo->nonce))
                               : digest("legacy", bytes(claim->signature));
  if (seen.contains(key)) return refuse(Code::replayed, "Forbidden: this request was sent before");
  if (!wire::verify_maybe_wrapped(caller.key, claim->message, claim->signature)) {
    return refuse(Code::bad_signature, "Forbidden due to invalid signature");
  }
  if (!seen.insert(key)) return refuse(Code::replayed, "Forbidden: this request was sent before");
  return std::move(caller);
}

tl::expected<Authenticator::Claim, Refusal> Authenticator::read(const Head& head) const {
  const auto hotkey = header(*head.headers, wire::kHotkeyHeader);
  const auto message = header(*head.headers, wire::kMessageHeader);
  const auto signature = header(*head.headers, wire::kSignatureHeader);
  if (hotkey.empty() || message.empty() || signature.empty()) {
    return refuse(
        Code::no_signature,
        "Bad Request, missing headers, expected each once: x-signature, x-hotkey, x-message");
  }
  const auto address = wire::decode_ss58(hotkey);
  if (!address) return refuse(Code::malformed, "x-hotkey: " + address.error().message);
  const auto parsed = wire::parse_signature(signature);
  if (!parsed) return refuse(Code::malformed, "x-signature: " + parsed.error().message);

  Claim claim;
  claim.caller.key = address->key;
  claim.caller.dialect = wire::dialect_of(message);
  claim.caller.hotkey = address->prefix == wire::kBittensorPrefix ? std::string(hotkey)
                                                                  : wire::encode_ss58(address->key);
  claim.message = message;
  claim.signature = *parsed;
  if (claim.caller.dialect == Dialect::legacy) {
    if (!options_.accept_legacy) {
      return refuse(Code::malformed,
                    "x-message: the legacy dialect is turned off here, sign dojo/1");
    }
    return claim;
  }
  if (!options_.accept_dojo1)
    return refuse(Code::malformed, "x-message: dojo/1 is turned off here");
  auto dojo = wire::parse_dojo_message(message);
  if (!dojo) return refuse(Code::malformed, "x-message: " + dojo.error().message);
  claim.caller.body = dojo->body;
  claim.dojo = std::move(*dojo);
  return claim;
}

std::optional<Refusal> Authenticator::check_dojo1(const Head& head,
                                                  const wire::DojoMessage& message) const {
  if (message.method != head.method || message.path != head.path) {
    return Refusal{Code::wrong_receiver, "Forbidden: signed for another method or path"};
  }
  if (message.to ? *message.to != self_ : !options_.any_receiver) {
    return Refusal{Code::wrong_receiver,
                   fmt::format("Forbidden: signed for {}, not for this miner, {}",
                               message.to ? "another receiver" : "no receiver", self_address_)};
  }
  const auto now = now_();
  const auto age = now - message.time;
  // No overflow: a parsed time is never negative.
  if (age > options_.window || age < -options_.window) {
    return Refusal{Code::stale, fmt::format("Forbidden: the time is {} s {} ours, more than {} s",
                                            std::chrono::abs(age).count() / 1000,
                                            age.count() > 0 ? "behind" : "ahead of",
                                            options_.window.count() / 1000)};
  }
  if (message.time < started_) {
    return Refusal{Code::stale, "Forbidden: signed before this host started, sign anew"};
  }
  return std::nullopt;
}

std::optional<Refusal> Authenticator::check_body(const Caller& caller, std::string_view body) {
  if (!caller.body) return std::nullopt;
  const auto hash = wire::hash_body(body);
  if (sodium_memcmp(hash.data(), caller.body->data(), hash.size()) == 0) return std::nullopt;
  return Refusal{Code::bad_signature, "Forbidden: the body is not the one that was signed"};
}

}  // namespace dojo::pipeline
