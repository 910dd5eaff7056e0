// Who sent a request, proven from its head alone.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include <boost/beast/http/fields.hpp>

#include <dojo/wire/dialect.hpp>
#include <dojo/wire/ss58.hpp>

#include "access/replay_store.hpp"
#include "pipeline/refusal.hpp"

namespace dojo::pipeline {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// A hash for sets of public keys, whose bytes are evenly spread already.
struct PublicKeyHash {
  std::size_t operator()(const wire::PublicKey& key) const;
};
using PublicKeySet = std::unordered_set<wire::PublicKey, PublicKeyHash>;

struct AuthOptions {
  bool accept_legacy = true;
  bool accept_dojo1 = true;
  bool any_receiver = false;                 ///< also `to=*`
  std::chrono::milliseconds window{30'000};  ///< how far a dojo/1 time may be from ours, both ways
  std::size_t replay_entries = 1'000'000;    ///< dojo/1 nonces remembered at most
  std::chrono::hours legacy_memory{24};  ///< how long an accepted legacy signature is refused again
  std::size_t legacy_entries = 1'000'000;  ///< legacy signatures remembered at most
  PublicKeySet deny;                       ///< hotkeys refused as blacklisted
};

/// What authentication found out.
struct Caller {
  wire::PublicKey key{};
  std::string hotkey;  ///< SS58 with Bittensor's prefix, whatever prefix was sent
  wire::Dialect dialect = wire::Dialect::legacy;
  std::optional<wire::BodyHash> body;  ///< what the body has to hash to, where the dialect binds it
};

/// A request's head as this stage needs it.
struct Head {
  std::string_view method;
  std::string_view path;  ///< without query
  const boost::beast::http::fields* headers = nullptr;
};

/// The header's value, empty if it is missing or there are several.
std::string_view header(const boost::beast::http::fields& headers, std::string_view name);

/// Cheap checks first: header shape, deny-list, freshness, replay, and only then the curve. Any
/// thread.
class Authenticator {
 public:
  /// @param self the host's own hotkey, the receiver that dojo/1 messages must name
  /// @param now the wall clock; tests set it
  Authenticator(AuthOptions options, const wire::PublicKey& self, std::function<WallTime()> now);

  /// @return the caller, or why not: unsigned, malformed, blacklisted, wrong-receiver, stale,
  /// replayed, bad-signature.
  tl::expected<Caller, Refusal> check(const Head& head);

  /// The last check, once the body is whole. @param body as sent
  static std::optional<Refusal> check_body(const Caller& caller, std::string_view body);

 private:
  struct Claim;  // what the headers say, read but not yet believed
  tl::expected<Claim, Refusal> read(const Head& head) const;
  std::optional<Refusal> check_dojo1(const Head& head, const wire::DojoMessage& message) const;

  AuthOptions options_;
  wire::PublicKey self_;
  std::string self_address_;
  std::function<WallTime()> now_;
  WallTime started_;
  access::ReplayStore nonces_;
  access::ReplayStore legacy_signatures_;
};

}  // namespace dojo::pipeline
