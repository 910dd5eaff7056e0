#include "sr25519.hpp"

#include <algorithm>

#include <gtest/gtest.h>
#include <sodium.h>

#include <dojo/wire/keypair.hpp>

#include "transcript.hpp"
#include "vectors.hpp"

namespace dojo::wire::sr25519 {
namespace {

using Bytes32 = std::array<std::uint8_t, 32>;

constexpr std::string_view kMessage = "a message";
constexpr Bytes32 kIdentity{};

SecretKey secret_key() {
  SecretKey secret;
  expand_seed(test::bytes<32>(std::string(64, '5')), secret);
  return secret;
}

bool accepts(const PublicKey& key, const SignatureBytes& signature) {
  return verify(key, {&kMessage, 1}, signature);
}

/// p − element, for p = 2^255 − 19: for an encoding of a point, the "negative" one that
/// ristretto255 forbids.
Bytes32 negated(const Bytes32& element) {
  Bytes32 out{};
  int borrow = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int prime = i == 0 ? 0xed : (i == 31 ? 0x7f : 0xff);
    const int digit = prime - element[i] - borrow;
    borrow = digit < 0 ? 1 : 0;
    out[i] = static_cast<std::uint8_t>(digit & 0xff);
  }
  return out;
}

/// Signs as schnorrkel does, but with any bytes in R's place, and with a witness that is known.
SignatureBytes sign_with_commitment(const SecretKey& secret, const PublicKey& key,
                                    const Bytes32& witness, const Bytes32& commitment) {
  Transcript transcript("SigningContext");
  transcript.append("", "substrate");
  transcript.append("sign-bytes", kMessage);
  transcript.append("proto-name", "Schnorr-sig");
  transcript.append("sign:pk", key);
  transcript.append("sign:R", commitment);
  std::array<std::uint8_t, 64> wide{};
  transcript.challenge("sign:c", wide);
  Bytes32 challenge{};
  Bytes32 product{};
  SignatureBytes signature{};
  crypto_core_ristretto255_scalar_reduce(challenge.data(), wide.data());
  crypto_core_ristretto255_scalar_mul(product.data(), challenge.data(), secret.scalar.data());
  crypto_core_ristretto255_scalar_add(signature.data() + 32, product.data(), witness.data());
  std::ranges::copy(commitment, signature.begin());
  signature[63] |= 0x80;
  return signature;
}

/// s of a signature.
Bytes32 scalar_of(const SignatureBytes& signature) {
  Bytes32 s{};
  std::copy(signature.begin() + 32, signature.end(), s.begin());
  s[31] &= 0x7f;
  return s;
}

TEST(Sr25519, ExpandsSeedsAsOthersDo) {
  for (const auto name : test::kVectorFiles) {
    const test::VectorFile file(name);
    for (const auto& vector : file.list("keys")) {
      if (vector.scheme() != Scheme::sr25519) continue;
      SecretKey secret;
      expand_seed(vector.array<32>("seed"), secret);
      EXPECT_EQ(public_key_of(secret), vector.array<32>("public"));
    }
  }
}

TEST(Sr25519, NeverSignsTwiceWithOneWitness) {
  const SecretKey secret = secret_key();
  const PublicKey key = public_key_of(secret);
  const auto one = sign(secret, key, kMessage);
  const auto other = sign(secret, key, kMessage);
  EXPECT_FALSE(std::equal(one.begin(), one.begin() + 32, other.begin())) << "R gives the key away";
}

TEST(Sr25519, SignsCanonically) {
  const SecretKey secret = secret_key();
  const PublicKey key = public_key_of(secret);
  for (int i = 0; i < 100; ++i) {
    const auto signature = sign(secret, key, kMessage);
    EXPECT_NE(signature[63] & 0x80, 0);
    EXPECT_TRUE(is_canonical(scalar_of(signature)));
    EXPECT_TRUE(accepts(key, signature));
  }
}

TEST(Sr25519, TakesTheMessageInParts) {
  const SecretKey secret = secret_key();
  const PublicKey key = public_key_of(secret);
  const auto signature = sign(secret, key, kMessage);
  const std::array<std::string_view, 3> parts = {"a", " mess", "age"};
  EXPECT_TRUE(verify(key, parts, signature));
}

TEST(Sr25519, RefusesASignatureWithoutItsMarker) {
  const SecretKey secret = secret_key();
  const PublicKey key = public_key_of(secret);
  auto signature = sign(secret, key, kMessage);
  signature[63] &= 0x7f;
  EXPECT_FALSE(accepts(key, signature));
}

TEST(Sr25519, RefusesAScalarThatIsNotReduced) {
  const SecretKey secret = secret_key();
  const PublicKey key = public_key_of(secret);
  auto signature = sign(secret, key, kMessage);
  // s + L is the same number modulo L, and as good in the equation.
  const auto order =
      test::bytes<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  Bytes32 s = scalar_of(signature);
  sodium_add(s.data(), order.data(), s.size());
  EXPECT_FALSE(is_canonical(s));
  std::ranges::copy(s, signature.begin() + 32);
  signature[63] |= 0x80;
  EXPECT_FALSE(accepts(key, signature));
}

TEST(Sr25519, KnowsTheOrdersNeighbours) {
  EXPECT_TRUE(is_canonical(Bytes32{}));
  EXPECT_TRUE(is_canonical(
      test::bytes<32>("ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")));
  EXPECT_FALSE(is_canonical(
      test::bytes<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")));
  EXPECT_FALSE(is_canonical(
      test::bytes<32>("0000000000000000000000000000000000000000000000000000000000000020")));
  EXPECT_TRUE(is_canonical(
      test::bytes<32>("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff0f")));
}

TEST(Sr25519, RefusesTheIdentityAsAKey) {
  // With A = 0 the equation sB = R + kA holds for any s and R = sB: a signature without a secret.
  SignatureBytes signature{};
  signature[32] = 7;
  ASSERT_EQ(crypto_scalarmult_ristretto255_base(signature.data(), signature.data() + 32), 0);
  signature[63] |= 0x80;
  EXPECT_FALSE(accepts(kIdentity, signature));
}

TEST(Sr25519, RefusesOtherEncodingsOfTheKey) {
  const SecretKey secret = secret_key();
  const PublicKey key = public_key_of(secret);
  ASSERT_TRUE(accepts(key, sign(secret, key, kMessage)));

  const PublicKey negative = negated(key);
  EXPECT_FALSE(accepts(negative, sign(secret, negative, kMessage)));
  PublicKey high_bit = key;
  high_bit[31] |= 0x80;
  EXPECT_FALSE(accepts(high_bit, sign(secret, high_bit, kMessage)));
  const PublicKey prime = negated({});  // zero, encoded as p
  EXPECT_FALSE(accepts(prime, sign(secret, prime, kMessage)));
  PublicKey no_point{};
  no_point.fill(0xff);
  EXPECT_FALSE(accepts(no_point, sign(secret, no_point, kMessage)));
}

TEST(Sr25519, RefusesOtherEncodingsOfTheCommitment) {
  const SecretKey secret = secret_key();
  const PublicKey key = public_key_of(secret);
  Bytes32 witness{};
  witness[0] = 9;
  Bytes32 commitment{};
  ASSERT_EQ(crypto_scalarmult_ristretto255_base(commitment.data(), witness.data()), 0);
  ASSERT_TRUE(accepts(key, sign_with_commitment(secret, key, witness, commitment)));

  EXPECT_FALSE(accepts(key, sign_with_commitment(secret, key, witness, negated(commitment))));
  Bytes32 high_bit = commitment;
  high_bit[31] |= 0x80;
  EXPECT_FALSE(accepts(key, sign_with_commitment(secret, key, witness, high_bit)));
}

TEST(Sr25519, RefusesAllZeros) {
  SignatureBytes signature{};
  signature[63] = 0x80;
  EXPECT_FALSE(accepts(public_key_of(secret_key()), signature));
  EXPECT_FALSE(accepts(kIdentity, signature));
}

}  // namespace
}  // namespace dojo::wire::sr25519
