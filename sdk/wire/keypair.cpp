#include <algorithm>

#include <sodium.h>

#include <dojo/wire/keypair.hpp>

#include "hex.hpp"
#include "mnemonic.hpp"
#include "secret.hpp"
#include "sr25519.hpp"

namespace dojo::wire {
namespace {

using Ed25519Secret = std::array<unsigned char, crypto_sign_SECRETKEYBYTES>;

/// What signs: one of the two is in use.
struct SecretBytes {
  sr25519::SecretKey sr25519;
  Ed25519Secret ed25519;
};

}  // namespace

struct Keypair::Secret {
  Scheme scheme = Scheme::sr25519;
  PublicKey public_key{};
  Guarded<SecretBytes> bytes;
};

Keypair::Keypair(std::shared_ptr<const Secret> secret) : secret_(std::move(secret)) {}

Keypair Keypair::generate(Scheme scheme) {
  require_sodium();
  Wiped<32> seed;
  randombytes_buf(seed.data(), seed.span().size());
  return from_seed(seed.span(), scheme);
}

Keypair Keypair::from_seed(std::span<const std::uint8_t, 32> seed, Scheme scheme) {
  auto secret = std::make_shared<Secret>();
  secret->scheme = scheme;
  secret->bytes = make_guarded<SecretBytes>();
  SecretBytes& bytes = *secret->bytes;
  if (scheme == Scheme::ed25519) {
    crypto_sign_seed_keypair(secret->public_key.data(), bytes.ed25519.data(), seed.data());
  } else {
    sr25519::expand_seed(seed, bytes.sr25519);
    secret->public_key = sr25519::public_key_of(bytes.sr25519);
  }
  sodium_mprotect_readonly(&bytes);
  return Keypair(std::move(secret));
}

Result<Keypair> Keypair::from_seed_hex(std::string_view hex, Scheme scheme) {
  if (hex.starts_with("0x")) hex.remove_prefix(2);
  Wiped<32> seed;
  if (!decode_hex(hex, seed.span())) {
    return fail("a seed has to be 64 hex digits, with or without 0x in front");
  }
  return from_seed(seed.span(), scheme);
}

Result<Keypair> Keypair::from_private_key_hex(std::string_view hex) {
  if (hex.starts_with("0x")) hex.remove_prefix(2);
  Wiped<64> key;
  if (!decode_hex(hex, key.span())) {
    return fail("a private key has to be 128 hex digits, with or without 0x in front");
  }
  const auto scalar = key.span().first<32>();
  auto secret = std::make_shared<Secret>();
  secret->bytes = make_guarded<SecretBytes>();
  sr25519::SecretKey& bytes = secret->bytes->sr25519;
  std::ranges::copy(scalar, bytes.scalar.begin());
  std::ranges::copy(key.span().last<32>(), bytes.nonce.begin());
  secret->public_key = sr25519::public_key_of(bytes);
  if (!sr25519::is_canonical(scalar) || secret->public_key == PublicKey{}) {
    return fail(
        "a private key has to begin with a scalar from 1 to the group's order less 1; "
        "this is another format's (Ed25519's perhaps)");
  }
  sodium_mprotect_readonly(secret->bytes.get());
  return Keypair(std::move(secret));
}

Result<Keypair> Keypair::from_mnemonic(std::string_view phrase, std::string_view password,
                                       Scheme scheme) {
  const auto seed = seed_from_mnemonic(phrase, password);
  if (!seed) return Unexpected(seed.error());
  return from_seed(seed->span(), scheme);
}

Scheme Keypair::scheme() const {
  return secret_->scheme;
}

const PublicKey& Keypair::public_key() const {
  return secret_->public_key;
}

std::string Keypair::address(std::uint16_t prefix) const {
  return encode_ss58(public_key(), prefix);
}

SignatureBytes Keypair::sign(std::string_view message) const {
  const SecretBytes& bytes = *secret_->bytes;
  if (scheme() == Scheme::sr25519) return sr25519::sign(bytes.sr25519, public_key(), message);
  SignatureBytes signature{};
  crypto_sign_detached(signature.data(), nullptr,
                       reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                       bytes.ed25519.data());
  return signature;
}

void wipe(std::string& secret) {
  secret.resize(
      secret.capacity());  // without moving it: what an earlier, longer text left is wiped too
  sodium_memzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace dojo::wire
