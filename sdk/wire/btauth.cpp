#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <limits>
#include <system_error>

#include <fmt/format.h>

#include <dojo/wire/btauth.hpp>

#include "hex.hpp"

namespace dojo::wire {
namespace {

// Of prefix 42 all addresses are so long.
constexpr std::size_t kAddress = 48;
constexpr std::size_t kMostNonceDigits = 20;
constexpr std::size_t kSignature = 2 + 128;
constexpr std::string_view kNoReceiver = "-";

Unexpected<Error> malformed(std::string_view header, std::string_view why) {
  return fail(fmt::format("{}: {}", header, why), Code::malformed);
}

Result<PublicKey> parse_sender(std::string_view text) {
  // Before base58, which takes longer the longer its text is.
  if (text.size() != kAddress) {
    return malformed("X-Bittensor-Hotkey",
                     fmt::format("an address has {} characters, not {}", kAddress, text.size()));
  }
  const auto address = decode_ss58(text);
  if (!address) return malformed("X-Bittensor-Hotkey", address.error().message);
  if (address->prefix != kBittensorPrefix) {
    return malformed("X-Bittensor-Hotkey", "the address has to have Bittensor's prefix, 42");
  }
  return address->key;
}

std::optional<std::uint64_t> parse_nonce(std::string_view digits) {
  const bool decimal = std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (digits.empty() || digits.size() > kMostNonceDigits || !decimal) return std::nullopt;
  std::uint64_t nonce = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), nonce);
  return read.ec == std::errc() ? nonce : std::numeric_limits<std::uint64_t>::max();
}

Result<Scheme> parse_crypto(std::string_view word) {
  if (const auto scheme = parse_scheme(word)) return *scheme;
  if (word == "hashed" || word == "mldsa") {
    return malformed("X-Bittensor-Crypto",
                     fmt::format("{} is not in use yet; sign with sr25519 or ed25519", word));
  }
  return malformed("X-Bittensor-Crypto",
                   "it has to be sr25519 or ed25519; left out, it is sr25519");
}

std::string in_capitals(std::string_view method) {
  std::string capitals(method);
  std::ranges::transform(capitals, capitals.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return capitals;
}

}  // namespace

Result<BtauthStatement> parse_btauth(std::string_view method, std::string_view target,
                                     const BtauthHeaders& headers) {
  if (headers.version != kBtauthVersion) {
    return malformed("X-Bittensor-Version", "version 1 is read here");
  }
  const auto key = parse_sender(headers.hotkey);
  if (!key) return Unexpected(key.error());
  const auto nonce = parse_nonce(headers.nonce);
  if (!nonce) {
    return malformed("X-Bittensor-Nonce",
                     "it has to be unix time in nanoseconds, 1 to 20 decimal digits");
  }
  const auto scheme = parse_crypto(headers.crypto.value_or(to_string(Scheme::sr25519)));
  if (!scheme) return Unexpected(scheme.error());
  BtauthStatement statement;
  statement.scheme = *scheme;
  statement.method = method;
  statement.target = target;
  statement.nonce = *nonce;
  statement.sender = headers.hotkey;
  statement.key = *key;
  if (headers.receiver) statement.receiver = *headers.receiver;
  return statement;
}

Result<SignatureBytes> parse_btauth_signature(std::string_view text) {
  if (text.size() != kSignature) {
    return malformed(
        "X-Bittensor-Signature",
        fmt::format("it has to be 0x and 128 hex digits, not {} characters", text.size()));
  }
  auto signature = parse_signature(text);
  if (!signature) return malformed("X-Bittensor-Signature", signature.error().message);
  return signature;
}

std::string format_btauth(const BtauthStatement& statement, const BodyHash& body) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", to_string(Dialect::btauth1),
                     to_string(statement.scheme), in_capitals(statement.method), statement.target,
                     encode_hex(body), statement.nonce, statement.sender,
                     statement.receiver ? std::string_view(*statement.receiver) : kNoReceiver);
}

std::uint64_t make_btauth_nonce() {
  static std::atomic<std::uint64_t> last{0};
  const auto now = static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
  auto before = last.load();
  std::uint64_t nonce = 0;
  do nonce = std::max(now, before + 1);
  while (!last.compare_exchange_weak(before, nonce));
  return nonce;
}

}  // namespace dojo::wire
