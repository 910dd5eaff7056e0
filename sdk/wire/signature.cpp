#include <fmt/format.h>
#include <sodium.h>

#include <dojo/wire/signature.hpp>

#include "hex.hpp"
#include "sr25519.hpp"

namespace dojo::wire {
namespace {

bool verify_ed25519(const PublicKey& key, std::string_view message,
                    const SignatureBytes& signature) {
  return crypto_sign_verify_detached(signature.data(),
                                     reinterpret_cast<const unsigned char*>(message.data()),
                                     message.size(), key.data()) == 0;
}

}  // namespace

std::string_view to_string(Scheme scheme) {
  return scheme == Scheme::sr25519 ? "sr25519" : "ed25519";
}

std::optional<Scheme> parse_scheme(std::string_view word) {
  for (const auto scheme : {Scheme::sr25519, Scheme::ed25519}) {
    if (word == to_string(scheme)) return scheme;
  }
  return std::nullopt;
}

Scheme scheme_of(const SignatureBytes& signature) {
  return (signature[63] & 0x80) != 0 ? Scheme::sr25519 : Scheme::ed25519;
}

Result<SignatureBytes> parse_signature(std::string_view text) {
  constexpr std::size_t kBare = 2 + 128;
  constexpr std::size_t kWithScheme = kBare + 2;
  if (!text.starts_with("0x")) {
    return fail("the signature has to begin with 0x", Code::malformed);
  }
  if (text.size() != kBare && text.size() != kWithScheme) {
    return fail(fmt::format("the signature has to be 0x and 128 hex digits, or 130 with a leading "
                            "scheme byte; it has {} characters after 0x",
                            text.size() - 2),
                Code::malformed);
  }
  std::array<std::uint8_t, 1> scheme{};
  SignatureBytes signature{};
  const bool tagged = text.size() == kWithScheme;
  if (!decode_hex(text.substr(text.size() - 128), signature) ||
      (tagged && !decode_hex(text.substr(2, 2), scheme))) {
    return fail("the signature holds a character that is no hex digit", Code::malformed);
  }
  if (tagged && scheme[0] != static_cast<std::uint8_t>(scheme_of(signature))) {
    return fail(fmt::format("the signature's scheme byte {:02x} does not agree with its marker "
                            "bit; 00 is ed25519, 01 sr25519",
                            scheme[0]),
                Code::malformed);
  }
  return signature;
}

std::string format_signature(const SignatureBytes& signature) {
  return "0x" + encode_hex(signature);
}

bool verify(const PublicKey& key, std::string_view message, const SignatureBytes& signature) {
  if (scheme_of(signature) == Scheme::ed25519) return verify_ed25519(key, message, signature);
  return sr25519::verify(key, {&message, 1}, signature);
}

bool verify(const PublicKey& key, Scheme scheme, std::string_view message,
            const SignatureBytes& signature) {
  return scheme_of(signature) == scheme && verify(key, message, signature);
}

bool verify_maybe_wrapped(const PublicKey& key, std::string_view message,
                          const SignatureBytes& signature) {
  if (scheme_of(signature) == Scheme::sr25519) {
    return sr25519::verify_maybe_wrapped(key, message, signature);
  }
  return verify_ed25519(key, message, signature) ||
         verify_ed25519(key, fmt::format("{}{}{}", kWrapBegin, message, kWrapEnd), signature);
}

}  // namespace dojo::wire
