// How a request proves who sent it: the dialects, one interface. docs/wire.md describes them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <dojo/wire/btauth.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

#include "net/head.hpp"
#include "policy/replay/replay_store.hpp"
#include "policy/session/session_store.hpp"
#include "policy/visit.hpp"
#include "request/refusal.hpp"
#include "wire/known_keys.hpp"

namespace dojo::request {

using policy::WallTime;
/// As exactly as btauth/1 tells it.
using Moment = std::chrono::sys_time<std::chrono::nanoseconds>;

class DialectSet {
 public:
  DialectSet() = default;
  DialectSet(std::initializer_list<wire::Dialect> dialects)
      : DialectSet(std::span(dialects.begin(), dialects.size())) {}
  explicit DialectSet(std::span<const wire::Dialect> dialects) {
    for (const auto dialect : dialects) insert(dialect);
  }
  void insert(wire::Dialect dialect) { bits_ |= bit(dialect); }
  [[nodiscard]] bool contains(wire::Dialect dialect) const { return (bits_ & bit(dialect)) != 0; }
  [[nodiscard]] bool empty() const { return bits_ == 0; }
  /// "legacy, dojo/1"
  [[nodiscard]] std::string text() const;
  bool operator==(const DialectSet&) const = default;

 private:
  static unsigned bit(wire::Dialect dialect) { return 1U << static_cast<unsigned>(dialect); }
  unsigned bits_ = 0;
};

/// What btauth/1 leaves to who takes it.
struct BtauthOptions {
  bool require_receiver = true;               ///< whether requests have to name this host
  std::chrono::milliseconds max_age{10'000};  ///< how far a request's time may be behind ours
  std::chrono::milliseconds skew{2'000};      ///< and ahead
  std::optional<wire::Scheme> scheme{};       ///< the only one that is taken; nothing: any
  bool sign_answers = false;                  ///< twresp/1
};

/// What a route takes.
struct RouteAuth {
  DialectSet dialects{wire::Dialect::legacy, wire::Dialect::dojo1, wire::Dialect::btauth1};
  BtauthOptions btauth{};
};

/// What may be changed while the host runs.
struct AuthOptions : RouteAuth {
  std::map<std::string, RouteAuth, std::less<>> routes{};  ///< instead, by the model's name
  bool any_receiver = false;                               ///< also `to=*`
  bool any_legacy_text = false;              ///< also texts other than the Python client's
  bool epistula_receiver = false;            ///< whether Epistula requests have to name this host
  std::chrono::milliseconds window{30'000};  ///< how far a dojo/1 time may be from ours, both ways
  std::chrono::milliseconds epistula_past{8'000};    ///< how far an Epistula time may be behind
  std::chrono::milliseconds epistula_future{2'000};  ///< and ahead
  std::chrono::hours legacy_memory{
      24};  ///< how long a legacy signature is refused again; 0: is not
  /// @param route its name
  [[nodiscard]] const RouteAuth& on(std::string_view route) const;
  /// On any route.
  [[nodiscard]] bool signs_answers() const {
    return btauth.sign_answers || std::ranges::any_of(routes, [](const auto& route) {
             return route.second.btauth.sign_answers;
           });
  }
};

/// Who sends a request; proven, once it has come through Authenticator.
struct Caller {
  wire::PublicKey key{};
  std::string hotkey;  ///< SS58 with Bittensor's prefix, whatever prefix was sent
  wire::Dialect dialect = wire::Dialect::legacy;
};

/// A request on a session, instead of one that is signed.
struct OnSession {
  policy::SessionPtr session;
  wire::SessionClaim stated;
};

/// What the headers say: read, and not believed yet. Holds all that is needed later on.
struct Claim {
  Caller caller;
  std::string route;  ///< its name; empty for a path that has none
  wire::SignatureBytes signature{};
  std::string message;                                ///< what was signed, of legacy and dojo/1
  std::optional<wire::DojoMessage> dojo{};            ///< of dojo/1, where it is signed
  std::optional<OnSession> session{};                 ///< and where it is not
  std::optional<wire::EpistulaStatement> epistula{};  ///< of epistula/2
  std::optional<wire::BtauthStatement> btauth{};      ///< of btauth/1
  std::optional<policy::ReplayName>
      once{};  ///< what may be used once, once look_at() has seen the claim
};

/// How far a message's time may be from ours.
struct Window {
  std::chrono::milliseconds past;
  std::chrono::milliseconds future;
};

/// What a claim's receiver is held against.
struct Receiver {
  wire::PublicKey key{};
  std::string address;  ///< the same for people
};

/// One dialect. Stateless; any thread.
class Dialect {
 public:
  Dialect() = default;
  virtual ~Dialect() = default;
  Dialect(const Dialect&) = delete;
  Dialect& operator=(const Dialect&) = delete;

  [[nodiscard]] virtual wire::Dialect name() const = 0;
  /// What the headers say, or why that cannot be read: unsigned, malformed. No cryptography.
  [[nodiscard]] virtual Expected<Claim, Refusal> read(const net::Head& head) const = 0;
  /// Whether it was meant for this host, and for this method and path where the dialect says so.
  [[nodiscard]] virtual std::optional<Refusal> check_receiver(const Claim& claim,
                                                              const net::Head& head,
                                                              const Receiver& self,
                                                              const AuthOptions& options) const = 0;
  /// When it says it was signed, if the dialect has a time.
  [[nodiscard]] virtual std::optional<Moment> time(const Claim& claim) const = 0;
  [[nodiscard]] virtual Window window(const Claim& claim, const AuthOptions& options) const = 0;
  /// What a signer uses once only.
  [[nodiscard]] virtual std::string_view used_once(const Claim& claim) const = 0;
  /// Whether the signature covers the body itself, and can be checked only when that is there.
  [[nodiscard]] virtual bool signs_body() const = 0;
  /// @param body as sent; looked at if signs_body() @param known gets to know the caller's key
  [[nodiscard]] virtual bool signature_holds(const Claim& claim, std::string_view body,
                                             wire::KnownKeys& known) const = 0;
  /// Whether the signature covers the query too, and not the path alone.
  [[nodiscard]] virtual bool signs_query() const { return false; }
  /// Whether the body is the one that the message names.
  [[nodiscard]] virtual bool body_holds(const Claim& claim, std::string_view body) const = 0;
};

const Dialect& dialect(wire::Dialect name);

/// The same moment; one that nanoseconds have no room for, in 2262 and later, is the last that has.
Moment moment_of(WallTime time);

/// Whether a request is btauth/1 by its headers, well formed or not.
bool speaks_btauth(const net::Head& head);

/// The dialect that a request's headers are in, or malformed: two at once, or a version of Epistula
/// that is not spoken here.
Expected<const Dialect*, Refusal> dialect_of(const net::Head& head);

}  // namespace dojo::request
