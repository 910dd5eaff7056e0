#include "request/dialect.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sodium.h>

#include "text/words.hpp"

namespace dojo::request {
namespace {

Unexpected<Refusal> malformed(std::string_view header, const std::string& why) {
  return Unexpected(Refusal{Code::malformed, fmt::format("{}: {}", header, why)});
}

template <class Bytes>
std::string_view text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Who claims to have sent it, and the signature.
Expected<Claim, Refusal> read_signer(wire::Dialect dialect, std::string_view hotkey_header,
                                     std::string_view hotkey, std::string_view signature_header,
                                     std::string_view signature) {
  const auto address = wire::decode_ss58(hotkey);
  if (!address) return malformed(hotkey_header, address.error().message);
  const auto parsed = wire::parse_signature(signature);
  if (!parsed) return malformed(signature_header, parsed.error().message);
  Claim claim;
  claim.caller.key = address->key;
  claim.caller.dialect = dialect;
  claim.caller.hotkey = address->prefix == wire::kBittensorPrefix ? std::string(hotkey)
                                                                  : wire::encode_ss58(address->key);
  claim.signature = *parsed;
  return claim;
}

/// The headers that legacy and dojo/1 share.
Expected<Claim, Refusal> read_message(wire::Dialect dialect, const net::Head& head) {
  const auto hotkey = head.value(wire::kHotkeyHeader);
  const auto message = head.value(wire::kMessageHeader);
  const auto signature = head.value(wire::kSignatureHeader);
  if (hotkey.empty() || message.empty() || signature.empty()) {
    return Unexpected(Refusal{
        Code::no_signature,
        "Bad Request, missing headers, expected each once: x-signature, x-hotkey, x-message"});
  }
  auto claim = read_signer(dialect, wire::kHotkeyHeader, hotkey, wire::kSignatureHeader, signature);
  if (claim) claim->message = message;
  return claim;
}

Refusal for_another(bool named, const Receiver& self) {
  return {Code::wrong_receiver,
          fmt::format("Forbidden: signed for {}, not for this miner, {}",
                      named ? "another receiver" : "no receiver", self.address)};
}

class Legacy final : public Dialect {
 public:
  [[nodiscard]] wire::Dialect name() const override { return wire::Dialect::legacy; }
  [[nodiscard]] Expected<Claim, Refusal> read(const net::Head& head) const override {
    auto claim = read_message(name(), head);
    if (claim && !wire::may_be_legacy(claim->message)) {
      return malformed(wire::kMessageHeader, "it is the text of another dialect");
    }
    return claim;
  }
  [[nodiscard]] std::optional<Refusal> check_receiver(
      const Claim& /*claim*/, const net::Head& /*head*/, const Receiver& /*self*/,
      const AuthOptions& /*options*/) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<Moment> time(const Claim& /*claim*/) const override {
    return std::nullopt;
  }
  [[nodiscard]] Window window(const Claim& /*claim*/,
                              const AuthOptions& /*options*/) const override {
    return {};
  }
  /// sr25519 signatures are randomised, so an honest caller never sends one twice.
  [[nodiscard]] std::string_view used_once(const Claim& claim) const override {
    return text_of(claim.signature);
  }
  [[nodiscard]] bool signs_body() const override { return false; }
  [[nodiscard]] bool signature_holds(const Claim& claim, std::string_view /*body*/,
                                     wire::KnownKeys& known) const override {
    return known.verify_maybe_wrapped(claim.caller.key, claim.message, claim.signature);
  }
  [[nodiscard]] bool body_holds(const Claim& /*claim*/, std::string_view /*body*/) const override {
    return true;
  }
};

class Dojo1 final : public Dialect {
 public:
  [[nodiscard]] wire::Dialect name() const override { return wire::Dialect::dojo1; }
  [[nodiscard]] Expected<Claim, Refusal> read(const net::Head& head) const override {
    auto claim = read_message(name(), head);
    if (!claim) return claim;
    auto message = wire::parse_dojo_message(claim->message);
    if (!message) return malformed(wire::kMessageHeader, message.error().message);
    claim->dojo = std::move(*message);
    return claim;
  }
  [[nodiscard]] std::optional<Refusal> check_receiver(const Claim& claim, const net::Head& head,
                                                      const Receiver& self,
                                                      const AuthOptions& options) const override {
    const auto& message = *claim.dojo;
    if (message.method != head.method() || message.path != head.path()) {
      return Refusal{Code::wrong_receiver, "Forbidden: signed for another method or path"};
    }
    if (message.to ? *message.to == self.key : options.any_receiver) return std::nullopt;
    return for_another(message.to.has_value(), self);
  }
  [[nodiscard]] std::optional<Moment> time(const Claim& claim) const override {
    return moment_of(claim.dojo->time);
  }
  [[nodiscard]] Window window(const Claim& /*claim*/, const AuthOptions& options) const override {
    return {options.window, options.window};
  }
  [[nodiscard]] std::string_view used_once(const Claim& claim) const override {
    return text_of(claim.dojo->nonce);
  }
  [[nodiscard]] bool signs_body() const override { return false; }
  [[nodiscard]] bool signature_holds(const Claim& claim, std::string_view /*body*/,
                                     wire::KnownKeys& known) const override {
    return known.verify_maybe_wrapped(claim.caller.key, claim.message, claim.signature);
  }
  [[nodiscard]] bool body_holds(const Claim& claim, std::string_view body) const override {
    const auto hash = wire::hash_body(body);
    return sodium_memcmp(hash.data(), claim.dojo->body.data(), hash.size()) == 0;
  }
};

class Epistula2 final : public Dialect {
 public:
  [[nodiscard]] wire::Dialect name() const override { return wire::Dialect::epistula2; }
  [[nodiscard]] Expected<Claim, Refusal> read(const net::Head& head) const override {
    const auto timestamp = head.value(wire::kEpistulaTimestampHeader);
    const auto uuid = head.value(wire::kEpistulaUuidHeader);
    const auto signer = head.value(wire::kEpistulaSignedByHeader);
    const auto signature = head.value(wire::kEpistulaSignatureHeader);
    if (timestamp.empty() || uuid.empty() || signer.empty() || signature.empty()) {
      return Unexpected(
          Refusal{Code::no_signature,
                  "Bad Request, missing headers, expected each once: Epistula-Timestamp, "
                  "Epistula-Uuid, Epistula-Signed-By, Epistula-Request-Signature"});
    }
    if (head.count(wire::kEpistulaSignedForHeader) > 1) {
      return malformed("Epistula-Signed-For", "it is there more than once");
    }
    auto claim =
        read_signer(name(), "Epistula-Signed-By", signer, "Epistula-Request-Signature", signature);
    if (!claim) return claim;
    auto statement =
        wire::parse_epistula(uuid, timestamp, head.value(wire::kEpistulaSignedForHeader));
    if (!statement) {
      return Unexpected(Refusal{Code::malformed, std::move(statement.error().message)});
    }
    claim->epistula = std::move(*statement);
    return claim;
  }
  [[nodiscard]] std::optional<Refusal> check_receiver(const Claim& claim, const net::Head& /*head*/,
                                                      const Receiver& self,
                                                      const AuthOptions& options) const override {
    const auto& to = claim.epistula->to;
    if (to ? *to == self.key : !options.epistula_receiver) return std::nullopt;
    return for_another(to.has_value(), self);
  }
  [[nodiscard]] std::optional<Moment> time(const Claim& claim) const override {
    return moment_of(claim.epistula->time);
  }
  [[nodiscard]] Window window(const Claim& /*claim*/, const AuthOptions& options) const override {
    return {options.epistula_past, options.epistula_future};
  }
  [[nodiscard]] std::string_view used_once(const Claim& claim) const override {
    return claim.epistula->uuid;
  }
  [[nodiscard]] bool signs_body() const override { return true; }
  [[nodiscard]] bool signature_holds(const Claim& claim, std::string_view body,
                                     wire::KnownKeys& known) const override {
    return known.verify(claim.caller.key, wire::format_epistula(*claim.epistula, body),
                        claim.signature);
  }
  [[nodiscard]] bool body_holds(const Claim& /*claim*/, std::string_view /*body*/) const override {
    return true;  // it is part of what was signed
  }
};

constexpr std::string_view kBtauthFamily = "x-bittensor-";
constexpr std::array kBtauthHeaders{wire::kBtauthVersionHeader,  wire::kBtauthHotkeyHeader,
                                    wire::kBtauthReceiverHeader, wire::kBtauthNonceHeader,
                                    wire::kBtauthCryptoHeader,   wire::kBtauthSignatureHeader};

/// A header of btauth/1's that is there more than once, in lower case; empty: none is.
std::string repeated_btauth_header(const net::Head& head) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < head.size(); ++i) {
    std::string name(head[i].name);
    if (!text::same_word(std::string_view(name).substr(0, kBtauthFamily.size()), kBtauthFamily)) {
      continue;
    }
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  return twice == names.end() ? std::string() : *twice;
}

class Btauth1 final : public Dialect {
 public:
  [[nodiscard]] wire::Dialect name() const override { return wire::Dialect::btauth1; }
  [[nodiscard]] Expected<Claim, Refusal> read(const net::Head& head) const override {
    if (const auto name = repeated_btauth_header(head); !name.empty()) {
      return malformed(name, "it is there more than once");
    }
    const auto given = [&](std::string_view name) {
      return head.count(name) == 0 ? std::nullopt : std::optional(head.value(name));
    };
    const wire::BtauthHeaders headers{.version = head.value(wire::kBtauthVersionHeader),
                                      .hotkey = head.value(wire::kBtauthHotkeyHeader),
                                      .nonce = head.value(wire::kBtauthNonceHeader),
                                      .receiver = given(wire::kBtauthReceiverHeader),
                                      .crypto = given(wire::kBtauthCryptoHeader)};
    const auto signature = head.value(wire::kBtauthSignatureHeader);
    if (headers.version.empty() || headers.hotkey.empty() || headers.nonce.empty() ||
        signature.empty()) {
      return Unexpected(
          Refusal{Code::no_signature,
                  "Unauthorized, missing headers, expected each once: X-Bittensor-Version, "
                  "X-Bittensor-Hotkey, X-Bittensor-Nonce, X-Bittensor-Signature"});
    }
    auto statement = wire::parse_btauth(head.method(), head.target(), headers);
    if (!statement) {
      return Unexpected(Refusal{Code::malformed, std::move(statement.error().message)});
    }
    const auto parsed = wire::parse_btauth_signature(signature);
    if (!parsed) return Unexpected(Refusal{Code::malformed, parsed.error().message});
    Claim claim;
    claim.caller = {statement->key, statement->sender, name()};
    claim.signature = *parsed;
    claim.btauth = std::move(*statement);
    return claim;
  }
  [[nodiscard]] std::optional<Refusal> check_receiver(const Claim& claim, const net::Head& /*head*/,
                                                      const Receiver& self,
                                                      const AuthOptions& options) const override {
    const auto& to = claim.btauth->receiver;
    if (to ? *to == self.address : !options.on(claim.route).btauth.require_receiver) {
      return std::nullopt;
    }
    return for_another(to.has_value(), self);
  }
  [[nodiscard]] std::optional<Moment> time(const Claim& claim) const override {
    constexpr std::uint64_t kLast = std::numeric_limits<std::int64_t>::max();
    return Moment(
        std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(claim.btauth->nonce, kLast))));
  }
  [[nodiscard]] Window window(const Claim& claim, const AuthOptions& options) const override {
    const auto& btauth = options.on(claim.route).btauth;
    return {btauth.max_age, btauth.skew};
  }
  /// The number itself, however many zeros were written before it.
  [[nodiscard]] std::string_view used_once(const Claim& claim) const override {
    return {reinterpret_cast<const char*>(&claim.btauth->nonce), sizeof claim.btauth->nonce};
  }
  [[nodiscard]] bool signs_body() const override { return true; }
  [[nodiscard]] bool signs_query() const override { return true; }
  [[nodiscard]] bool signature_holds(const Claim& claim, std::string_view body,
                                     wire::KnownKeys& known) const override {
    return known.verify(claim.caller.key, claim.btauth->scheme,
                        wire::format_btauth(*claim.btauth, wire::sha256_of_body(body)),
                        claim.signature);
  }
  [[nodiscard]] bool body_holds(const Claim& /*claim*/, std::string_view /*body*/) const override {
    return true;  // its hash is part of what was signed
  }
};

}  // namespace

std::string DialectSet::text() const {
  std::string text;
  for (const auto dialect : wire::kDialects) {
    if (!contains(dialect)) continue;
    text += text.empty() ? "" : ", ";
    text += wire::to_string(dialect);
  }
  return text;
}

const RouteAuth& AuthOptions::on(std::string_view route) const {
  const auto found = routes.find(route);
  return found == routes.end() ? *this : found->second;
}

Moment moment_of(WallTime time) {
  constexpr auto kLast = std::chrono::floor<std::chrono::milliseconds>(Moment::max());
  return time > kLast ? Moment::max() : Moment(time);
}

bool speaks_btauth(const net::Head& head) {
  return std::ranges::any_of(kBtauthHeaders, [&](auto name) { return head.count(name) != 0; });
}

const Dialect& dialect(wire::Dialect name) {
  static const Legacy kLegacy;
  static const Dojo1 kDojo1;
  static const Epistula2 kEpistula2;
  static const Btauth1 kBtauth1;
  switch (name) {
    case wire::Dialect::dojo1:
      return kDojo1;
    case wire::Dialect::epistula2:
      return kEpistula2;
    case wire::Dialect::btauth1:
      return kBtauth1;
    case wire::Dialect::legacy:
      break;
  }
  return kLegacy;
}

Expected<const Dialect*, Refusal> dialect_of(const net::Head& head) {
  // Of two proofs one would go unseen, and could be sent again by whoever saw the request.
  constexpr char kTwice[] = "signed in two dialects at once; leave out one of them";
  const bool epistula = head.count(wire::kEpistulaVersionHeader) != 0;
  const bool message = head.count(wire::kSignatureHeader) != 0;
  if (speaks_btauth(head)) {
    if (epistula || message || head.count(wire::kSessionHeader) != 0) {
      return malformed("X-Bittensor-Signature", kTwice);
    }
    return &dialect(wire::Dialect::btauth1);
  }
  if (!epistula) {
    return &dialect(wire::dialect_of(head.value(wire::kMessageHeader)));
  }
  if (head.value(wire::kEpistulaVersionHeader) != "2") {
    return malformed("Epistula-Version", "this host reads version 2, named once");
  }
  if (message) return malformed("x-signature", kTwice);
  return &dialect(wire::Dialect::epistula2);
}

}  // namespace dojo::request
