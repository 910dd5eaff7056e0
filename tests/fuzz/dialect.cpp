// Any x-message, any x-signature and any headers of btauth/1: what parses is written back as the
// very same text.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include <dojo/wire/btauth.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/signature.hpp>

namespace {

using namespace dojo::wire;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_dojo_message(std::string_view text) {
  const auto message = parse_dojo_message(text);
  if (!message) {
    require(message.error().code == dojo::Code::malformed && !message.error().message.empty());
    return;
  }
  require(dialect_of(text) == Dialect::dojo1);
  require(format_dojo_message(*message) == text);
}

void check_legacy_message(std::string_view text) {
  if (const auto hotkey = parse_legacy_message(text)) {
    require(legacy_message(*hotkey) == text);
    require(dialect_of(text) == Dialect::legacy);
  }
}

void check_signature(std::string_view text) {
  const auto signature = parse_signature(text);
  if (!signature) return;
  std::string lower(text.size() == 132 ? std::string(text).erase(2, 2) : text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  require(format_signature(*signature) == lower);
  // Almost certainly wrong; what matters is that it is looked at without harm.
  require(!verify_maybe_wrapped(PublicKey{}, text, *signature));
}

/// Lines are, in turn, version, hotkey, nonce, scheme and receiver; the last two may be missing.
void check_btauth(std::string_view text) {
  const auto line = [&text]() -> std::optional<std::string_view> {
    if (text.empty()) return std::nullopt;
    const auto taken = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(taken.size() + 1, text.size()));
    return taken;
  };
  BtauthHeaders headers;
  headers.version = line().value_or("");
  headers.hotkey = line().value_or("");
  headers.nonce = line().value_or("");
  headers.crypto = line();
  headers.receiver = line();
  const auto statement = parse_btauth("post", "/Echo?a=%20", headers);
  if (!statement) {
    require(statement.error().code == dojo::Code::malformed);
    require(statement.error().message.starts_with("X-Bittensor-"));
    return;
  }
  require(encode_ss58(statement->key) == headers.hotkey && statement->sender == headers.hotkey);
  require(to_string(statement->scheme) == headers.crypto.value_or("sr25519"));
  auto digits = headers.nonce;
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
  require(std::to_string(statement->nonce) == digits || digits.size() == 20);
  const auto signed_text = format_btauth(*statement, sha256_of_body(""));
  require(signed_text.starts_with("btauth/1\n") &&
          signed_text.ends_with(headers.receiver.value_or("-")));
  require(signed_text.find("\nPOST\n/Echo?a=%20\ne3b0c442") != std::string::npos);
}

void check_btauth_signature(std::string_view text) {
  const auto signature = parse_btauth_signature(text);
  if (!signature) return require(signature.error().code == dojo::Code::malformed);
  require(text.size() == 130 && *parse_signature(text) == *signature);
  for (const auto scheme : {Scheme::sr25519, Scheme::ed25519}) {
    require(!verify(PublicKey{}, scheme, text, *signature));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_dojo_message(text);
  check_legacy_message(text);
  check_signature(text);
  check_btauth(text);
  check_btauth_signature(text);
  return 0;
}
