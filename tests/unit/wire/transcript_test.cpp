#include "transcript.hpp"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>
#include <sodium.h>

#include "vectors.hpp"

namespace dojo::wire {
namespace {

std::string challenge(Transcript transcript) {
  std::array<std::uint8_t, 32> out{};
  transcript.challenge("challenge", out);
  return encode_hex(out);
}

TEST(Keccak, PermutesZeroAsTheReferenceDoes) {
  // The Keccak team's KeccakF-1600-IntermediateValues.txt, first and last lanes after one and two
  // permutations.
  KeccakState state{};
  keccak_f1600(state);
  EXPECT_EQ(state.front(), 0xf1258f7940e1dde7U);
  EXPECT_EQ(state.back(), 0xeaf1ff7b5ceca249U);
  keccak_f1600(state);
  EXPECT_EQ(state.front(), 0x2d5c954df96ecb3cU);
  EXPECT_EQ(state.back(), 0x20d06cd26a8fbf5cU);
}

TEST(Keccak, MakesSha3) {
  // FIPS 202: SHA3-256 of nothing is one permutation of its padding alone.
  KeccakState state{};
  state[0] = 0x06;
  state[16] = 0x8000000000000000U;
  keccak_f1600(state);
  std::array<std::uint8_t, 32> digest{};
  std::memcpy(digest.data(), state.data(), digest.size());
  EXPECT_EQ(encode_hex(digest), "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
}

TEST(Transcript, GivesMerlinsOwnTestChallenge) {
  // https://github.com/zkcrypto/merlin, src/transcript.rs, as other ports of it check it.
  Transcript transcript("test protocol");
  transcript.append("some label", "some data");
  EXPECT_EQ(challenge(transcript),
            "d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615");
}

TEST(Transcript, TakesPartsAsOneMessage) {
  const std::string message(1000, 'm');
  Transcript whole("a test");
  whole.append("label", message);
  for (const std::size_t cut : {0U, 1U, 100U, 165U, 166U, 167U, 999U, 1000U}) {
    const std::array<std::string_view, 3> parts = {std::string_view(message).substr(0, cut), "",
                                                   std::string_view(message).substr(cut)};
    Transcript pieces("a test");
    pieces.append("label", parts);
    EXPECT_EQ(challenge(pieces), challenge(whole)) << cut;
  }
}

TEST(Transcript, TellsEqualConcatenationsApart) {
  Transcript one("a test");
  one.append("label", "ab");
  one.append("label", "c");
  Transcript other("a test");
  other.append("label", "a");
  other.append("label", "bc");
  EXPECT_NE(challenge(one), challenge(other));
}

class Witness : public testing::Test {
 protected:
  static std::string of(const Transcript& transcript, std::span<const std::uint8_t> secret) {
    std::array<std::uint8_t, 64> out{};
    transcript.witness("signing", secret, out);
    return encode_hex(out);
  }

  const std::array<std::uint8_t, 32> secret_{1};
};

TEST_F(Witness, IsNeverTheSame) {
  const Transcript transcript("a test");
  EXPECT_NE(of(transcript, secret_), of(transcript, secret_));
}

TEST_F(Witness, LeavesTheTranscriptAsItWas) {
  const Transcript transcript("a test");
  const std::string before = challenge(transcript);
  of(transcript, secret_);
  EXPECT_EQ(challenge(transcript), before);
}

// A source of randomness that has broken: it always gives the same bytes.
class WitnessWithoutRandomness : public Witness {
 protected:
  static const char* name() { return "broken"; }
  static std::uint32_t number() { return 4; }
  static void fill(void* out, std::size_t size) { std::memset(out, 4, size); }

  void SetUp() override { replace(&broken_); }
  void TearDown() override { replace(&randombytes_sysrandom_implementation); }

  static void replace(randombytes_implementation* source) {
    ASSERT_EQ(randombytes_close(), 0);
    ASSERT_EQ(randombytes_set_implementation(source), 0);
    randombytes_stir();
  }

  randombytes_implementation broken_{name, number, nullptr, nullptr, fill, nullptr};
};

TEST_F(WitnessWithoutRandomness, StillDependsOnTheSecret) {
  const Transcript transcript("a test");
  EXPECT_EQ(of(transcript, secret_), of(transcript, secret_)) << "or the randomness is not broken";
  EXPECT_NE(of(transcript, secret_), of(transcript, std::array<std::uint8_t, 32>{2}));
}

TEST_F(WitnessWithoutRandomness, StillDependsOnTheMessage) {
  Transcript one("a test");
  one.append("message", "one");
  Transcript other("a test");
  other.append("message", "other");
  EXPECT_NE(of(one, secret_), of(other, secret_));
}

}  // namespace
}  // namespace dojo::wire
