// Checking sr25519 signatures by three calls of libsodium's: slower than what the product does, and
// written independently of it, so that the two can be held against each other.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include <sodium.h>

#include "sr25519.hpp"
#include "transcript.hpp"

namespace dojo::wire::test {

using Bytes32 = std::array<std::uint8_t, 32>;

/// The group's order, little-endian.
inline constexpr Bytes32 kOrder = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                   0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                   0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
/// 2^255 − 19, the field's prime, little-endian.
inline constexpr Bytes32 kPrime = {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};

/// sB − cA, or nothing where libsodium refuses a factor or finds a product to be the identity.
inline std::optional<Bytes32> commitment_by_libsodium(const Bytes32& key, const Bytes32& s,
                                                      const Bytes32& c) {
  Bytes32 key_part{};
  Bytes32 base_part{};
  Bytes32 difference{};
  // libsodium 1.0.18 overlooks this bit, which no canonical encoding has.
  if ((key[31] & 0x80) != 0) return std::nullopt;
  if (crypto_scalarmult_ristretto255(key_part.data(), c.data(), key.data()) != 0 ||
      crypto_scalarmult_ristretto255_base(base_part.data(), s.data()) != 0 ||
      crypto_core_ristretto255_sub(difference.data(), base_part.data(), key_part.data()) != 0) {
    return std::nullopt;
  }
  return difference;
}

/// The challenge of a message under a key and the bytes in R's place.
inline Bytes32 challenge_of(const Bytes32& key, std::string_view message,
                            const Bytes32& commitment) {
  Transcript transcript("SigningContext");
  transcript.append("", "substrate");
  transcript.append("sign-bytes", message);
  transcript.append("proto-name", "Schnorr-sig");
  transcript.append("sign:pk", key);
  transcript.append("sign:R", commitment);
  std::array<std::uint8_t, 64> wide{};
  transcript.challenge("sign:c", wide);
  Bytes32 challenge{};
  crypto_core_ristretto255_scalar_reduce(challenge.data(), wide.data());
  return challenge;
}

inline bool verify_by_libsodium(const Bytes32& key, std::string_view message,
                                const SignatureBytes& signature) {
  Bytes32 commitment{};
  Bytes32 s{};
  std::copy_n(signature.begin(), 32, commitment.begin());
  std::copy_n(signature.begin() + 32, 32, s.begin());
  if ((s[31] & 0x80) == 0) return false;
  s[31] &= 0x7f;
  // Not below the order: the most significant byte that differs is larger, or none differs.
  if (!std::lexicographical_compare(s.rbegin(), s.rend(), kOrder.rbegin(), kOrder.rend())) {
    return false;
  }
  return commitment_by_libsodium(key, s, challenge_of(key, message, commitment)) == commitment;
}

/// Signs as schnorrkel does, but with any bytes in R's place, and with a witness that is known.
inline SignatureBytes sign_with_commitment(const sr25519::SecretKey& secret, const Bytes32& key,
                                           std::string_view message, const Bytes32& witness,
                                           const Bytes32& commitment) {
  const Bytes32 challenge = challenge_of(key, message, commitment);
  Bytes32 product{};
  SignatureBytes signature{};
  crypto_core_ristretto255_scalar_mul(product.data(), challenge.data(), secret.scalar.data());
  crypto_core_ristretto255_scalar_add(signature.data() + 32, product.data(), witness.data());
  std::copy(commitment.begin(), commitment.end(), signature.begin());
  signature[63] |= 0x80;
  return signature;
}

/// `number` + `other`, modulo 2^256.
inline Bytes32 plus(Bytes32 number, const Bytes32& other) {
  sodium_add(number.data(), other.data(), number.size());
  return number;
}

/// p − element: for an encoding of a point, the "negative" one that ristretto255 forbids.
inline Bytes32 negated(const Bytes32& element) {
  Bytes32 out = kPrime;
  sodium_sub(out.data(), element.data(), out.size());
  return out;
}

}  // namespace dojo::wire::test
