#include "wire/known_keys.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dojo/wire/keypair.hpp>

namespace dojo::wire {
namespace {

constexpr std::string_view kMessage = "a message";

/// Keys that are the same in every run, and what they have signed.
struct Signer {
  explicit Signer(std::uint8_t number, Scheme scheme = Scheme::sr25519)
      : keypair([&] {
          std::array<std::uint8_t, 32> seed{};
          seed[0] = number;
          return Keypair::from_seed(seed, scheme);
        }()),
        signature(keypair.sign(kMessage)) {}
  [[nodiscard]] const PublicKey& key() const { return keypair.public_key(); }
  [[nodiscard]] bool accepted_by(KnownKeys& keys) const {
    return keys.verify(key(), kMessage, signature);
  }

  Keypair keypair;
  SignatureBytes signature;
};

void introduce(KnownKeys& keys, const Signer& signer) {
  ASSERT_TRUE(signer.accepted_by(keys));
  ASSERT_TRUE(signer.accepted_by(keys));
}

SignatureBytes broken(SignatureBytes signature) {
  signature[40] ^= 1;
  return signature;
}

TEST(KnownKeys, KnowAKeyFromItsSecondGoodSignatureOn) {
  KnownKeys keys;
  const Signer signer(1);
  EXPECT_TRUE(signer.accepted_by(keys));
  EXPECT_FALSE(keys.knows(signer.key()));
  EXPECT_EQ(keys.sizes().proven_once, 1U);
  EXPECT_TRUE(signer.accepted_by(keys));
  EXPECT_TRUE(keys.knows(signer.key()));
  EXPECT_EQ(keys.sizes().proven_once, 0U);
  EXPECT_TRUE(signer.accepted_by(keys));
  EXPECT_EQ(keys.sizes().known, 1U);
  EXPECT_EQ(keys.sizes().proven_once, 0U) << "it has a table, and needs no other";
}

TEST(KnownKeys, TakeInNobodyForSignaturesThatAreWrong) {
  KnownKeys keys;
  for (std::uint8_t i = 0; i < 20; ++i) {
    const Signer signer(i);
    for (int times = 0; times < 3; ++times) {
      EXPECT_FALSE(keys.verify(signer.key(), kMessage, broken(signer.signature)));
      EXPECT_FALSE(keys.verify_maybe_wrapped(signer.key(), kMessage, broken(signer.signature)));
      EXPECT_FALSE(keys.verify(signer.key(), "another", signer.signature));
    }
  }
  EXPECT_EQ(keys.sizes().known, 0U);
  EXPECT_EQ(keys.sizes().proven_once, 0U);
}

TEST(KnownKeys, RefuseWrongSignaturesOfThoseTheyKnow) {
  KnownKeys keys;
  const Signer signer(1);
  const Signer other(2);
  introduce(keys, signer);
  introduce(keys, other);
  EXPECT_FALSE(keys.verify(signer.key(), kMessage, broken(signer.signature)));
  EXPECT_FALSE(keys.verify(signer.key(), kMessage, other.signature));
  EXPECT_FALSE(keys.verify(signer.key(), "another", signer.signature));
  EXPECT_FALSE(keys.verify_maybe_wrapped(signer.key(), "another", signer.signature));
  SignatureBytes unmarked = signer.signature;
  unmarked[63] &= 0x7f;
  EXPECT_FALSE(keys.verify(signer.key(), kMessage, unmarked));
  EXPECT_TRUE(signer.accepted_by(keys));
}

TEST(KnownKeys, TakeWrappedMessagesWhereAskedFor) {
  KnownKeys keys;
  const Signer signer(1);
  const auto wrapped = signer.keypair.sign("<Bytes>a message</Bytes>");
  for (int times = 0; times < 3; ++times) {
    EXPECT_TRUE(keys.verify_maybe_wrapped(signer.key(), kMessage, wrapped)) << times;
    EXPECT_FALSE(keys.verify(signer.key(), kMessage, wrapped)) << times;
  }
  EXPECT_TRUE(keys.knows(signer.key()));
}

TEST(KnownKeys, CheckEd25519WithoutKeepingIt) {
  KnownKeys keys;
  const Signer signer(1, Scheme::ed25519);
  const auto wrapped = signer.keypair.sign("<Bytes>a message</Bytes>");
  for (int times = 0; times < 3; ++times) {
    EXPECT_TRUE(signer.accepted_by(keys));
    EXPECT_TRUE(keys.verify_maybe_wrapped(signer.key(), kMessage, wrapped));
    EXPECT_FALSE(keys.verify(signer.key(), "another", signer.signature));
  }
  EXPECT_EQ(keys.sizes().known, 0U);
  EXPECT_EQ(keys.sizes().proven_once, 0U);
}

TEST(KnownKeys, ForgetTheOneThatWasUsedLeastRecently) {
  KnownKeys keys(2);
  const Signer first(1);
  const Signer second(2);
  const Signer third(3);
  introduce(keys, first);
  introduce(keys, second);
  EXPECT_TRUE(first.accepted_by(keys));
  EXPECT_EQ(keys.sizes().forgotten, 0U);
  introduce(keys, third);
  EXPECT_TRUE(keys.knows(first.key()));
  EXPECT_FALSE(keys.knows(second.key()));
  EXPECT_TRUE(keys.knows(third.key()));
  EXPECT_EQ(keys.sizes().known, 2U);
  EXPECT_EQ(keys.sizes().forgotten, 1U);
  EXPECT_TRUE(second.accepted_by(keys)) << "it is checked the longer way again";
}

TEST(KnownKeys, KeepTheirRoomForWhoComesTwice) {
  KnownKeys keys(2);
  const Signer regular(1);
  introduce(keys, regular);
  for (std::uint8_t i = 10; i < 40; ++i) EXPECT_TRUE(Signer(i).accepted_by(keys));
  EXPECT_TRUE(keys.knows(regular.key()));
  EXPECT_EQ(keys.sizes().known, 1U);
  EXPECT_EQ(keys.sizes().proven_once, 8U);
  EXPECT_EQ(keys.sizes().forgotten, 0U);
}

TEST(KnownKeys, AreBounded) {
  constexpr std::size_t kCapacity = 128;  // of more than one shard
  KnownKeys keys(kCapacity);
  for (int i = 0; i < 300; ++i) {
    const Keypair keypair = Keypair::generate();
    const auto signature = keypair.sign("");
    EXPECT_TRUE(keys.verify(keypair.public_key(), "", signature));
    EXPECT_TRUE(keys.verify(keypair.public_key(), "", signature));
    EXPECT_LE(keys.sizes().known, kCapacity);
  }
  const auto sizes = keys.sizes();
  EXPECT_EQ(sizes.known, kCapacity);
  EXPECT_EQ(sizes.known + sizes.forgotten, 300U);
}

TEST(KnownKeys, MayHaveNoRoomAtAll) {
  KnownKeys keys(0);
  const Signer signer(1);
  for (int times = 0; times < 4; ++times) EXPECT_TRUE(signer.accepted_by(keys));
  EXPECT_EQ(keys.sizes().known, 0U);
  EXPECT_EQ(keys.sizes().proven_once, 0U);
}

TEST(KnownKeys, AreSharedByThreads) {
  KnownKeys keys(4);  // fewer than there are signers: tables come and go while they are in use
  std::vector<Signer> signers;
  for (std::uint8_t i = 0; i < 6; ++i) signers.emplace_back(i);
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (std::size_t thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t i = 0; i < 60; ++i) {
        const Signer& signer = signers[(i * (thread + 1)) % signers.size()];
        if (!signer.accepted_by(keys)) ++wrong;
        if (keys.verify(signer.key(), kMessage, broken(signer.signature))) ++wrong;
        if (keys.sizes().known > 4) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace dojo::wire
