// Sessions of the dialect dojo/1: one signature and an X25519 exchange, then a keyed hash for each
// request instead of a signature. docs/wire.md describes them, and what they prove.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <dojo/model.hpp>
#include <dojo/result.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::wire {

/// Where a session is opened: a path that no model's name can make.
inline constexpr std::string_view kSessionPath = "/dojo/session";
/// Stands in a request on a session in place of the three headers that sign. Lower case.
inline constexpr std::string_view kSessionHeader = "x-dojo-session";

using SessionId = std::array<std::uint8_t, 16>;
using SessionTag = std::array<std::uint8_t, 32>;
using ExchangeKey = std::array<std::uint8_t, 32>;  ///< an X25519 public key (RFC 7748)
using SessionTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// A session id from the operating system's randomness.
SessionId make_session_id();
/// 32 lower-case hex digits.
std::string format_session_id(const SessionId& id);
/// Reads them back. @return an error (Code::malformed) for anything else
Result<SessionId> parse_session_id(std::string_view hex);

/// The body of the request that opens a session.
struct OpenSession {
  std::string key;  ///< the caller's ExchangeKey for this session alone, 64 lower-case hex digits
};
DOJO_MODEL(OpenSession, key)

/// The body of its answer.
struct OpenedSession {
  std::string key;           ///< the host's ExchangeKey for this session alone
  std::string id;            ///< 32 lower-case hex digits
  std::int64_t expires = 0;  ///< unix milliseconds, by the host's clock
  std::string signature;     ///< the host's, over format_session(), as in `x-signature`
};
DOJO_MODEL(OpenedSession, key, id, expires, signature)

/// All that both sides agree on when a session is opened.
struct SessionTerms {
  PublicKey host{};
  PublicKey client{};
  ExchangeKey host_key{};
  ExchangeKey client_key{};
  SessionId id{};
  SessionTime expires;
};

/// The text that the host signs, and that the key is derived from. It has line breaks, which no
/// header can carry: so its signature proves no request, in whatever dialect.
std::string format_session(const SessionTerms& terms);

/// Reads an OpenSession's key. @return an error (Code::invalid_body) unless it is 64 lower-case
/// hex digits
Result<ExchangeKey> parse_exchange_key(std::string_view hex);
/// `key` as it stands in OpenSession and OpenedSession.
std::string format_exchange_key(const ExchangeKey& key);

/// Half of an X25519 exchange, for one session; wiped at the end of its life.
class ExchangeSecret {
 public:
  /// From the operating system's randomness.
  ExchangeSecret();
  /// From 32 bytes, of which the caller wipes its own copy.
  explicit ExchangeSecret(std::span<const std::uint8_t, 32> secret);
  ~ExchangeSecret();
  ExchangeSecret(const ExchangeSecret&) = delete;
  ExchangeSecret& operator=(const ExchangeSecret&) = delete;

  [[nodiscard]] const ExchangeKey& public_key() const { return public_; }

 private:
  friend class SessionKey;
  std::array<std::uint8_t, 32> secret_{};
  ExchangeKey public_{};
};

/// What both sides of a session know, and nobody else. Wiped at the end of its life, as each of its
/// copies is. Any thread.
class SessionKey {
 public:
  /// BLAKE2b-256 (RFC 7693) of `dojo/1 session key`, a line break and format_session(terms), keyed
  /// with the X25519 shared secret (RFC 7748).
  /// @param peer the other side's key, one of the two in `terms`
  /// @return an error (Code::malformed) if `peer` is of small order: the secret would be no secret
  static Result<SessionKey> derive(const ExchangeSecret& own, const ExchangeKey& peer,
                                   const SessionTerms& terms);
  ~SessionKey();
  SessionKey(const SessionKey&) = default;
  SessionKey& operator=(const SessionKey&) = default;

  /// BLAKE2b-256, keyed with this, of `dojo/1 session <method> <path> to=<receiver> <stated>`.
  /// Needs no memory. @param path without query @param receiver the host's SS58 address, prefix 42
  /// @param stated what format_session_statement() writes
  [[nodiscard]] SessionTag tag(std::string_view method, std::string_view path,
                               std::string_view receiver, std::string_view stated) const;

  /// For tests, and for who compares implementations.
  [[nodiscard]] std::span<const std::uint8_t, 32> bytes() const { return key_; }

 private:
  SessionKey() = default;
  std::array<std::uint8_t, 32> key_{};
};

/// Whether two tags are the same, in a time that does not tell where they differ.
bool same_tag(const SessionTag& a, const SessionTag& b);

/// What a request on a session states of itself; method, path and receiver both sides know.
struct SessionStatement {
  SessionId id{};
  std::uint64_t count = 0;  ///< from 1, each once in a session
  SessionTime time;
  BodyHash body{};  ///< hash_body() of the body as it is sent
};

/// `id=<32 hex> count=<decimal> ts=<unix ms> body=<64 hex>`
std::string format_session_statement(const SessionStatement& statement);
/// The header's value: the statement, and ` tag=<64 hex>` behind it.
std::string format_session_header(std::string_view stated, const SessionTag& tag);

/// A header's value, read and not believed yet.
struct SessionClaim {
  SessionStatement statement;
  SessionTag tag{};
  std::size_t stated = 0;  ///< how many of the value's first bytes the tag is of
};

/// Reads `x-dojo-session`. One form only: single spaces, this order, lower-case hex, decimal
/// numbers without sign or leading zero. Needs no memory where it succeeds. @return an error
/// (Code::malformed) that names the first field that is wrong. Any thread.
Result<SessionClaim> parse_session_header(std::string_view value);

}  // namespace dojo::wire
