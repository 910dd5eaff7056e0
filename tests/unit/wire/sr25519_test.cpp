#include "sr25519.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sodium.h>

#include <dojo/wire/keypair.hpp>

#include "sr25519/by_libsodium.hpp"
#include "vectors.hpp"

namespace dojo::wire::sr25519 {
namespace {

using test::Bytes32;
using test::negated;

constexpr std::string_view kMessage = "a message";
constexpr Bytes32 kIdentity{};

SecretKey secret_key() {
  SecretKey secret;
  expand_seed(test::bytes<32>(std::string(64, '5')), secret);
  return secret;
}

/// Whether it is accepted, in whichever way it is checked.
bool accepts(const PublicKey& key, const SignatureBytes& signature) {
  const bool accepted = verify(key, {&kMessage, 1}, signature);
  EXPECT_EQ(test::verify_by_libsodium(key, kMessage, signature), accepted);
  if (const auto table = make_table(key)) {
    EXPECT_EQ(verify(key, {&kMessage, 1}, signature, table.get()), accepted);
  }
  return accepted;
}

SignatureBytes sign_with_commitment(const SecretKey& secret, const PublicKey& key,
                                    const Bytes32& witness, const Bytes32& commitment) {
  return test::sign_with_commitment(secret, key, kMessage, witness, commitment);
}

Bytes32 small(std::uint8_t number) {
  Bytes32 bytes{};
  bytes[0] = number;
  return bytes;
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
  const Bytes32 s = test::plus(scalar_of(signature), test::kOrder);
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
  const Bytes32 witness = small(9);
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

TEST(Sr25519, TakesTheIdentityAsACommitment) {
  // As schnorrkel does: who signs so shows the secret, and that is the signer's to know.
  const SecretKey secret = secret_key();
  const PublicKey key = public_key_of(secret);
  EXPECT_TRUE(accepts(key, sign_with_commitment(secret, key, Bytes32{}, kIdentity)));
  EXPECT_FALSE(accepts(key, sign_with_commitment(secret, key, Bytes32{}, test::kPrime)));
}

TEST(Sr25519, FindsTheCommitmentThatLibsodiumFinds) {
  const PublicKey key = public_key_of(secret_key());
  const auto table = make_table(key);
  ASSERT_TRUE(table);
  const Bytes32 largest =
      test::plus(test::kOrder, test::negated(test::plus(test::kPrime, small(1))));
  std::vector<Bytes32> scalars = {{}, small(1), small(2), small(3), small(255), largest};
  for (std::size_t i = 0; i < 252; ++i) {
    Bytes32 power{};
    power[i / 8] = static_cast<std::uint8_t>(1U << i % 8);
    scalars.push_back(power);
  }
  for (int i = 0; i < 100; ++i) {
    Bytes32 random{};
    crypto_core_ristretto255_scalar_random(random.data());
    scalars.push_back(random);
  }
  for (std::size_t i = 0; i < scalars.size(); ++i) {
    for (const std::size_t j :
         {std::size_t{0}, std::size_t{1}, std::size_t{5}, i, i * 31 % scalars.size()}) {
      for (const auto& [s, c] :
           {std::pair(scalars[i], scalars[j]), std::pair(scalars[j], scalars[i])}) {
        const auto expected = test::commitment_by_libsodium(key, s, c);
        EXPECT_EQ(commitment_of(key, s, c), expected) << i << ", " << j;
        EXPECT_EQ(commitment_of(*table, s, c), expected) << i << ", " << j;
      }
    }
  }
}

TEST(Sr25519, FindsNoCommitmentOfScalarsThatAreNotReduced) {
  const PublicKey key = public_key_of(secret_key());
  const auto table = make_table(key);
  ASSERT_TRUE(table);
  const Bytes32 high = test::plus(small(5), test::kOrder);
  EXPECT_FALSE(commitment_of(key, high, small(5)));
  EXPECT_FALSE(commitment_of(key, small(5), high));
  EXPECT_FALSE(commitment_of(*table, high, small(5)));
  EXPECT_FALSE(commitment_of(*table, small(5), high));
}

// RFC 9496, appendix A.2: what is no encoding of a point.
TEST(Sr25519, MakesATableOfCanonicalKeysAlone) {
  const PublicKey key = public_key_of(secret_key());
  EXPECT_TRUE(make_table(key));
  EXPECT_FALSE(make_table(kIdentity));
  EXPECT_FALSE(make_table(negated(key)));
  EXPECT_FALSE(make_table(test::kPrime));
  for (const char* encoding :
       {// Non-canonical field elements.
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // Negative field elements.
        "0100000000000000000000000000000000000000000000000000000000000000",
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
        "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
        "c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
        "47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24",
        "f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
        "87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
        // Of no square.
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
        "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
        "de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b",
        "bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042",
        "2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08",
        "f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22",
        "8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731",
        "2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
        // Of a negative xy.
        "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
        "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
        "d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
        "8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
        "32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
        "227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165",
        "5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
        "445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b",
        // Of y = 0.
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    const auto bytes = test::bytes<32>(encoding);
    EXPECT_FALSE(make_table(bytes)) << encoding;
    EXPECT_FALSE(commitment_of(bytes, small(5), small(5))) << encoding;
  }
}

}  // namespace
}  // namespace dojo::wire::sr25519
