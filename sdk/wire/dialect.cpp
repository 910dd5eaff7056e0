#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <openssl/sha.h>
#include <sodium.h>

#include <dojo/wire/dialect.hpp>
#include <dojo/wire/session.hpp>

#include "fields.hpp"
#include "hex.hpp"
#include "secret.hpp"

namespace dojo::wire {
namespace {

constexpr std::string_view kDojo1 = "dojo/1";
constexpr std::string_view kEpistula2 = "epistula/2";
constexpr std::string_view kDojo1Begin = "dojo/1 ";
constexpr std::string_view kBtauth1 = "btauth/1";
constexpr std::string_view kWrapBegin = "<Bytes>";
constexpr std::size_t kLongestUuid = 64;
constexpr std::string_view kLegacyBegin = "I solemnly swear that I am up to some good. Hotkey: ";

Unexpected<Error> malformed(std::string_view field, std::string_view expected) {
  return fail(fmt::format("the dojo/1 message's {} is wrong: it has to be {}", field, expected),
              Code::malformed);
}

bool is_method(std::string_view text) {
  constexpr std::size_t kLongestMethod = 16;
  return !text.empty() && text.size() <= kLongestMethod &&
         std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_path(std::string_view text) {
  return text.starts_with('/') && std::ranges::all_of(text, [](char c) {
           return c > ' ' && c <= '~' && c != '?' && c != '#';
         });
}

/// `*` is an empty optional inside; nothing at all is an error.
std::optional<std::optional<PublicKey>> parse_receiver(std::string_view text) {
  if (text == "*") return std::optional<PublicKey>{};
  const auto address = decode_ss58(text);
  if (!address || address->prefix != kBittensorPrefix) return std::nullopt;
  return address->key;
}

bool is_uuid(std::string_view text) {
  return !text.empty() && text.size() <= kLongestUuid && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
  });
}

/// Whether a text begins like those that are signed in epistula/2: a hash and a dot.
bool looks_like_epistula(std::string_view text) {
  constexpr std::size_t kDigits = std::size_t{2} * SHA256_DIGEST_LENGTH;
  return text.size() > kDigits && text[kDigits] == '.' &&
         std::ranges::all_of(text.substr(0, kDigits), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// The same of btauth/1, whose first line is its name.
bool looks_like_btauth(std::string_view text) {
  return text.starts_with(kBtauth1) && text.substr(kBtauth1.size()).starts_with('\n');
}

Unexpected<Error> malformed_header(std::string_view header, std::string_view expected) {
  return fail(fmt::format("{}: it has to be {}", header, expected), Code::malformed);
}

}  // namespace

std::string_view to_string(Dialect dialect) {
  switch (dialect) {
    case Dialect::legacy:
      return "legacy";
    case Dialect::dojo1:
      return kDojo1;
    case Dialect::epistula2:
      return kEpistula2;
    case Dialect::btauth1:
      return kBtauth1;
  }
  return {};
}

std::optional<Dialect> parse_dialect(std::string_view name) {
  for (const auto dialect : kDialects) {
    if (name == to_string(dialect)) return dialect;
  }
  return std::nullopt;
}

Dialect dialect_of(std::string_view message) {
  return message.starts_with(kDojo1Begin) ? Dialect::dojo1 : Dialect::legacy;
}

bool is_signing_header(std::string_view name) {
  constexpr std::array kNames{kHotkeyHeader, kMessageHeader, kSignatureHeader, kSessionHeader};
  constexpr std::array<std::string_view, 2> kFamilies{"epistula-", "x-bittensor-"};
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::ranges::find(kNames, lower) != kNames.end() ||
         std::ranges::any_of(kFamilies, [&](auto family) { return lower.starts_with(family); });
}

bool may_be_legacy(std::string_view message) {
  if (message.starts_with(kWrapBegin)) message.remove_prefix(kWrapBegin.size());
  return dialect_of(message) == Dialect::legacy && !looks_like_epistula(message) &&
         !looks_like_btauth(message);
}

std::string legacy_message(std::string_view hotkey) {
  return fmt::format("{}{}", kLegacyBegin, hotkey);
}

std::optional<std::string_view> parse_legacy_message(std::string_view message) {
  const auto hotkey = value_of(message, kLegacyBegin);
  if (hotkey.empty()) return std::nullopt;
  return hotkey;
}

bool is_legacy_message_of(std::string_view message, const PublicKey& hotkey) {
  const auto named = parse_legacy_message(message);
  if (!named) return false;
  const auto address = decode_ss58(*named);
  return address && address->key == hotkey;
}

BodyHash hash_body(std::string_view body) {
  BodyHash hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(body.data()),
                     body.size(), nullptr, 0);
  return hash;
}

BodyHash sha256_of_body(std::string_view body) {
  BodyHash hash{};
  static_assert(std::tuple_size_v<BodyHash> == SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), hash.data());
  return hash;
}

Nonce make_nonce() {
  require_sodium();
  Nonce nonce{};
  randombytes_buf(nonce.data(), nonce.size());
  return nonce;
}

std::string format_dojo_message(const DojoMessage& message) {
  return fmt::format("{}{} {} to={} ts={} nonce={} body={}", kDojo1Begin, message.method,
                     message.path, message.to ? encode_ss58(*message.to) : "*",
                     message.time.time_since_epoch().count(), encode_hex(message.nonce),
                     encode_hex(message.body));
}

Result<DojoMessage> parse_dojo_message(std::string_view text) {
  if (dialect_of(text) != Dialect::dojo1) return malformed("beginning", "'dojo/1 '");
  text.remove_prefix(kDojo1Begin.size());

  DojoMessage message;
  message.method = take_field(text);
  if (!is_method(message.method)) return malformed("method", "1 to 16 capital letters: POST");
  message.path = take_field(text);
  if (!is_path(message.path)) {
    return malformed("path", "printable ASCII that begins with / and has no query");
  }
  const auto to = parse_receiver(value_of(take_field(text), "to="));
  if (!to) return malformed("receiver", "to=<SS58 address of prefix 42, or *>");
  message.to = *to;
  const auto time = parse_time(value_of(take_field(text), "ts="));
  if (!time) return malformed("time", "ts=<unix time in milliseconds, no leading zero>");
  message.time = *time;
  if (!decode_lower_hex(value_of(take_field(text), "nonce="), message.nonce)) {
    return malformed("nonce", "nonce=<32 lower-case hex digits>");
  }
  // The rest, not a field: whatever follows the hash is an error of the hash's.
  if (!decode_lower_hex(value_of(text, "body="), message.body)) {
    return malformed("body hash", "body=<64 lower-case hex digits>, and nothing behind it");
  }
  return message;
}

Result<EpistulaStatement> parse_epistula(std::string_view uuid, std::string_view timestamp,
                                         std::string_view signed_for) {
  const auto time = parse_time(timestamp);
  if (!time) {
    return malformed_header("Epistula-Timestamp", "unix time in milliseconds, no leading zero");
  }
  if (!is_uuid(uuid)) {
    return malformed_header("Epistula-Uuid", "a UUID, or 1 to 64 letters, digits, - and _");
  }
  EpistulaStatement statement{std::string(uuid), *time, std::string(signed_for), {}};
  if (signed_for.empty()) return statement;
  const auto address = decode_ss58(signed_for);
  if (!address) {
    return fail("Epistula-Signed-For: " + address.error().message, Code::malformed);
  }
  statement.to = address->key;
  return statement;
}

std::string format_epistula(const EpistulaStatement& statement, std::string_view body) {
  return fmt::format("{}.{}.{}.{}", encode_hex(sha256_of_body(body)), statement.uuid,
                     statement.time.time_since_epoch().count(), statement.signed_for);
}

}  // namespace dojo::wire
