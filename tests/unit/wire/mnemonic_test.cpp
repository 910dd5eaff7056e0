#include "mnemonic.hpp"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>

#include <dojo/wire/keypair.hpp>

#include "vectors.hpp"

namespace dojo::wire {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kPhrase =
    "legal winner thank year wave sausage worth useful legal winner thank yellow";

std::string error_of(std::string_view phrase) {
  const auto seed = seed_from_mnemonic(phrase, {});
  return seed ? "no error" : seed.error().message;
}

TEST(Mnemonic, GivesTheSeedThatOthersGive) {
  const test::VectorFile file("polkadot.json");
  for (const auto& vector : file.list("mnemonics")) {
    const auto seed = seed_from_mnemonic(vector.text("phrase"), vector.text("password"));
    ASSERT_TRUE(seed) << seed.error().message;
    EXPECT_EQ(encode_hex(seed->span()), vector.text("seed"));
  }
}

TEST(Mnemonic, IsWrittenAsBip39WritesIt) {
  // https://github.com/trezor/python-mnemonic/blob/master/vectors.json
  EXPECT_EQ(mnemonic_from_entropy(test::bytes<16>("7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f")), kPhrase);
  EXPECT_EQ(
      mnemonic_from_entropy(test::bytes<16>(std::string(32, '0'))),
      "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
      "about");
  EXPECT_EQ(
      mnemonic_from_entropy(test::bytes<32>(std::string(64, 'f'))),
      "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "
      "zoo vote");
}

TEST(Mnemonic, OfEveryLengthIsReadBack) {
  std::array<std::uint8_t, 32> entropy{};
  for (std::size_t i = 0; i < entropy.size(); ++i) entropy[i] = static_cast<std::uint8_t>(37 * i);
  for (const std::size_t size : {16U, 20U, 24U, 28U, 32U}) {
    const std::string phrase = mnemonic_from_entropy(std::span(entropy).first(size));
    EXPECT_EQ(std::ranges::count(phrase, ' ') + 1, static_cast<std::ptrdiff_t>(size * 3 / 4));
    EXPECT_TRUE(seed_from_mnemonic(phrase, {})) << phrase;
  }
}

TEST(Mnemonic, MayHaveAnyWhiteSpaceBetweenItsWords) {
  const auto plain = seed_from_mnemonic(kPhrase, {});
  const auto spaced = seed_from_mnemonic(
      "  legal winner\tthank year wave sausage\n worth useful  legal winner thank yellow \r\n", {});
  ASSERT_TRUE(plain && spaced);
  EXPECT_EQ(encode_hex(plain->span()), encode_hex(spaced->span()));
}

TEST(Mnemonic, WithAnotherLastWordHasAWrongChecksum) {
  std::size_t accepted = 0;
  const std::string start(kPhrase.substr(0, kPhrase.rfind(' ') + 1));
  for (const auto* word : {"yellow", "zoo", "abandon", "year", "young", "legal", "wave", "work"}) {
    if (seed_from_mnemonic(start + word, {})) ++accepted;
  }
  EXPECT_EQ(accepted, 1U);
  EXPECT_THAT(error_of(start + "zoo"), HasSubstr("checksum"));
}

TEST(Mnemonic, ThatIsWrongIsNamedWithoutRepeatingItsWords) {
  EXPECT_THAT(error_of(""), HasSubstr("this has 0"));
  EXPECT_THAT(error_of("legal winner"), HasSubstr("this has 2"));
  EXPECT_THAT(error_of(std::string(kPhrase) + " legal"), HasSubstr("this has 13"));
  EXPECT_THAT(error_of(std::string(kPhrase) + " " + std::string(kPhrase) + " legal"),
              HasSubstr("more than 24"));
  const std::string mistyped =
      "legal winer thank year wave sausage worth useful legal winner thank "
      "yellow";
  EXPECT_THAT(error_of(mistyped), HasSubstr("word 2"));
  EXPECT_THAT(error_of(mistyped), Not(HasSubstr("winer")));
  EXPECT_THAT(error_of("Legal" + std::string(kPhrase.substr(5))), HasSubstr("word 1"));
}

TEST(Mnemonic, WithADerivationPathIsRefusedByName) {
  for (const auto* path : {"//hard", "/soft", "///password", "//hard/soft"}) {
    EXPECT_THAT(error_of(std::string(kPhrase) + path), HasSubstr("derivation paths"));
  }
}

TEST(Mnemonic, ThatIsGeneratedIsValidAndNew) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string phrase = generate_mnemonic();
    EXPECT_EQ(std::ranges::count(phrase, ' '), 11);
    EXPECT_TRUE(Keypair::from_mnemonic(phrase)) << phrase;
    EXPECT_TRUE(seen.insert(phrase).second);
  }
}

}  // namespace
}  // namespace dojo::wire
