#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include <dojo/wire/keypair.hpp>

#include "vectors.hpp"

namespace dojo::wire {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kSeed(64, '3');

TEST(Keypair, OfASeedHasTheKeyAndAddressThatOthersGive) {
  for (const auto name : test::kVectorFiles) {
    const test::VectorFile file(name);
    for (const auto& vector : file.list("keys")) {
      const auto keypair = Keypair::from_seed_hex(vector.text("seed"), vector.scheme());
      ASSERT_TRUE(keypair) << keypair.error().message;
      EXPECT_EQ(keypair->scheme(), vector.scheme());
      EXPECT_EQ(keypair->public_key(), vector.array<32>("public"));
      EXPECT_EQ(keypair->address(), vector.text("address"));
    }
  }
}

TEST(Keypair, OfAMnemonicHasTheKeyThatOthersGive) {
  for (const auto name : test::kVectorFiles) {
    const test::VectorFile file(name);
    for (const auto& vector : file.list("mnemonics")) {
      const auto keypair =
          Keypair::from_mnemonic(vector.text("phrase"), vector.text("password"), vector.scheme());
      ASSERT_TRUE(keypair) << keypair.error().message;
      EXPECT_EQ(keypair->public_key(), vector.array<32>("public")) << vector.text("phrase");
    }
  }
}

TEST(Keypair, SignsForEverySizeOfMessage) {
  for (const Scheme scheme : {Scheme::sr25519, Scheme::ed25519}) {
    const Keypair keypair = Keypair::generate(scheme);
    for (std::size_t size = 0; size < 400; ++size) {
      const std::string message(size, 'm');
      EXPECT_TRUE(verify(keypair.public_key(), message, keypair.sign(message))) << size;
    }
  }
}

TEST(Keypair, MayBeGivenWithAndWithout0x) {
  const auto bare = Keypair::from_seed_hex(kSeed);
  const auto prefixed = Keypair::from_seed_hex("0x" + kSeed);
  ASSERT_TRUE(bare && prefixed);
  EXPECT_EQ(bare->public_key(), prefixed->public_key());
}

TEST(Keypair, OfAMalformedSeedIsRefusedWithoutRepeatingIt) {
  for (const std::string& seed : {std::string(), kSeed.substr(1), kSeed + "3", "0x0x" + kSeed,
                                  kSeed.substr(1) + "g", "0x" + kSeed.substr(2)}) {
    const auto keypair = Keypair::from_seed_hex(seed);
    ASSERT_FALSE(keypair) << seed;
    EXPECT_THAT(keypair.error().message, HasSubstr("64 hex digits"));
    EXPECT_THAT(keypair.error().message, Not(HasSubstr("333")));
  }
}

TEST(Keypair, OfAPrivateKeyIsTheDerivedKeyItBelongsTo) {
  // The well-known development key //Alice, as bittensor-wallet writes it in a hotkey file.
  const auto alice = Keypair::from_private_key_hex(
      "0x33a6f3093f158a7109f679410bef1a0c54168145e0cecb4df006c1c2fffb1f09"
      "925a225d97aa00682d6a59b95b18780c10d7032336e88f3442b42361f4a66011");
  ASSERT_TRUE(alice) << alice.error().message;
  EXPECT_EQ(alice->address(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
  EXPECT_TRUE(verify(alice->public_key(), "a", alice->sign("a")));
}

TEST(Keypair, OfAPrivateKeyOfAnotherFormIsRefused) {
  EXPECT_FALSE(Keypair::from_private_key_hex(kSeed));
  EXPECT_FALSE(Keypair::from_private_key_hex(std::string(128, '0')));
  EXPECT_FALSE(Keypair::from_private_key_hex(std::string(128, 'f')));
}

TEST(Keypair, IsAnotherEachTime) {
  EXPECT_NE(Keypair::generate().public_key(), Keypair::generate().public_key());
}

TEST(Keypair, OutlivesTheCopiesOfIt) {
  auto keypair = std::make_unique<Keypair>(Keypair::generate());
  const Keypair copy = *keypair;
  keypair.reset();
  EXPECT_TRUE(verify(copy.public_key(), "a", copy.sign("a")));
}

TEST(Keypair, SignsOnManyThreadsAtOnce) {
  const Keypair keypair = Keypair::generate();
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([mine = keypair, &good, i] {
      for (int n = 0; n < 50; ++n) {
        const std::string message = std::to_string(i) + ' ' + std::to_string(n);
        if (verify(mine.public_key(), message, mine.sign(message))) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
}

TEST(Wipe, LeavesNothingOfAText) {
  std::string secret = "a secret that is longer than what a string keeps inside itself";
  const char* const memory = secret.data();
  const std::size_t size = secret.size();
  wipe(secret);
  EXPECT_TRUE(secret.empty());
  ASSERT_EQ(secret.data(), memory) << "moved, so that nothing can be said of the old memory";
  EXPECT_EQ(std::string_view(memory, size), std::string(size, '\0'));
}

}  // namespace
}  // namespace dojo::wire
