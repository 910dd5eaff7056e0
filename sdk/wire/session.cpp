#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>
#include <sodium.h>

#include <dojo/wire/session.hpp>

#include "fields.hpp"
#include "hex.hpp"
#include "secret.hpp"

namespace dojo::wire {
namespace {

constexpr std::string_view kTermsLabel = "dojo/1 session terms\n";
constexpr std::string_view kKeyLabel = "dojo/1 session key\n";
constexpr std::string_view kTagLabel = "dojo/1 session ";
constexpr std::string_view kTagField = " tag=";

using Bytes32 = std::array<std::uint8_t, 32>;
static_assert(crypto_scalarmult_BYTES == 32 && crypto_scalarmult_SCALARBYTES == 32);
static_assert(crypto_generichash_BYTES == 32 && crypto_generichash_KEYBYTES == 32);

/// BLAKE2b-256 of the parts behind each other.
Bytes32 keyed_hash(const Bytes32& key, std::initializer_list<std::string_view> parts) {
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), key.size(), crypto_generichash_BYTES);
  for (const auto part : parts) {
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()),
                              part.size());
  }
  Bytes32 hash{};
  crypto_generichash_final(&state, hash.data(), hash.size());
  sodium_memzero(&state, sizeof state);
  return hash;
}

Unexpected<Error> malformed(std::string_view field, std::string_view expected) {
  return fail(fmt::format("its {} is wrong: it has to be {}", field, expected), Code::malformed);
}

}  // namespace

SessionId make_session_id() {
  return make_nonce();
}

std::string format_session_id(const SessionId& id) {
  return encode_hex(id);
}

Result<SessionId> parse_session_id(std::string_view hex) {
  SessionId id{};
  if (decode_lower_hex(hex, id)) return id;
  return fail("id: it has to be 32 lower-case hex digits", Code::malformed);
}

std::string format_session(const SessionTerms& terms) {
  return fmt::format("{}host={}\nclient={}\nhost_key={}\nclient_key={}\nid={}\nexpires={}",
                     kTermsLabel, encode_ss58(terms.host), encode_ss58(terms.client),
                     encode_hex(terms.host_key), encode_hex(terms.client_key), encode_hex(terms.id),
                     terms.expires.time_since_epoch().count());
}

Result<ExchangeKey> parse_exchange_key(std::string_view hex) {
  ExchangeKey key{};
  if (decode_lower_hex(hex, key)) return key;
  return fail("key: it has to be 64 lower-case hex digits, an X25519 public key",
              Code::invalid_body);
}

std::string format_exchange_key(const ExchangeKey& key) {
  return encode_hex(key);
}

ExchangeSecret::ExchangeSecret() {
  require_sodium();
  randombytes_buf(secret_.data(), secret_.size());
  crypto_scalarmult_base(public_.data(), secret_.data());
}

ExchangeSecret::ExchangeSecret(std::span<const std::uint8_t, 32> secret) {
  require_sodium();
  std::ranges::copy(secret, secret_.begin());
  crypto_scalarmult_base(public_.data(), secret_.data());
}

ExchangeSecret::~ExchangeSecret() {
  sodium_memzero(secret_.data(), secret_.size());
}

Result<SessionKey> SessionKey::derive(const ExchangeSecret& own, const ExchangeKey& peer,
                                      const SessionTerms& terms) {
  Bytes32 shared{};
  // libsodium refuses what would be all zero.
  if (crypto_scalarmult(shared.data(), own.secret_.data(), peer.data()) != 0) {
    return fail("key: a point of small order is no X25519 key", Code::malformed);
  }
  SessionKey made;
  made.key_ = keyed_hash(shared, {kKeyLabel, format_session(terms)});
  sodium_memzero(shared.data(), shared.size());
  return made;
}

SessionKey::~SessionKey() {
  sodium_memzero(key_.data(), key_.size());
}

SessionTag SessionKey::tag(std::string_view method, std::string_view path,
                           std::string_view receiver, std::string_view stated) const {
  return keyed_hash(key_, {kTagLabel, method, " ", path, " to=", receiver, " ", stated});
}

bool same_tag(const SessionTag& a, const SessionTag& b) {
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string format_session_statement(const SessionStatement& statement) {
  return fmt::format("id={} count={} ts={} body={}", encode_hex(statement.id), statement.count,
                     statement.time.time_since_epoch().count(), encode_hex(statement.body));
}

std::string format_session_header(std::string_view stated, const SessionTag& tag) {
  return fmt::format("{}{}{}", stated, kTagField, encode_hex(tag));
}

Result<SessionClaim> parse_session_header(std::string_view value) {
  auto text = value;
  SessionClaim claim;
  auto& statement = claim.statement;
  if (!decode_lower_hex(value_of(take_field(text), "id="), statement.id)) {
    return malformed("id", "id=<32 lower-case hex digits>");
  }
  const auto count = parse_decimal(value_of(take_field(text), "count="));
  if (!count || *count == 0) return malformed("count", "count=<a number from 1, no leading zero>");
  statement.count = *count;
  const auto time = parse_time(value_of(take_field(text), "ts="));
  if (!time) return malformed("time", "ts=<unix time in milliseconds, no leading zero>");
  statement.time = *time;
  if (!decode_lower_hex(value_of(take_field(text), "body="), statement.body)) {
    return malformed("body hash", "body=<64 lower-case hex digits>");
  }
  // The rest, not a field: whatever follows the tag is an error of the tag's.
  if (!decode_lower_hex(value_of(text, "tag="), claim.tag)) {
    return malformed("tag", "tag=<64 lower-case hex digits>, and nothing behind it");
  }
  claim.stated = value.size() - text.size() - 1;
  return claim;
}

}  // namespace dojo::wire
