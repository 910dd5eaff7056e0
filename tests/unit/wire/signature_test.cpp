#include <gmock/gmock.h>

#include <dojo/wire/keypair.hpp>
#include <dojo/wire/signature.hpp>

#include "vectors.hpp"

namespace dojo::wire {
namespace {

using testing::HasSubstr;

std::string error_of(std::string_view text) {
  const auto signature = parse_signature(text);
  if (signature) return "no error";
  EXPECT_EQ(signature.error().code, Code::malformed);
  return signature.error().message;
}

template <std::size_t N>
void flip(std::array<std::uint8_t, N>& bytes, std::size_t bit) {
  bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
}

TEST(Signature, AcceptsWhatOthersSign) {
  for (const auto name : test::kVectorFiles) {
    const test::VectorFile file(name);
    for (const auto& vector : file.list("signatures")) {
      const auto signature = vector.array<64>("signature");
      const std::string message = vector.message();
      EXPECT_EQ(scheme_of(signature), vector.scheme());
      EXPECT_TRUE(verify(vector.array<32>("public"), message, signature))
          << name << ", " << message.size() << " bytes";
      EXPECT_FALSE(verify(vector.array<32>("public"), message + '\0', signature));
    }
  }
}

class SignatureOf : public testing::TestWithParam<Scheme> {};
INSTANTIATE_TEST_SUITE_P(Schemes, SignatureOf, testing::Values(Scheme::sr25519, Scheme::ed25519),
                         [](const auto& scheme) { return std::string(to_string(scheme.param)); });

TEST_P(SignatureOf, IsRefusedWithAnyBitOfItFlipped) {
  const Keypair keypair = Keypair::from_seed(test::bytes<32>(std::string(64, '7')), GetParam());
  SignatureBytes signature = keypair.sign("a message");
  ASSERT_TRUE(verify(keypair.public_key(), "a message", signature));
  for (std::size_t bit = 0; bit < 8 * signature.size(); ++bit) {
    flip(signature, bit);
    EXPECT_FALSE(verify(keypair.public_key(), "a message", signature)) << "bit " << bit;
    flip(signature, bit);
  }
}

TEST_P(SignatureOf, IsRefusedWithAnyBitOfTheKeyFlipped) {
  const Keypair keypair = Keypair::from_seed(test::bytes<32>(std::string(64, '7')), GetParam());
  const SignatureBytes signature = keypair.sign("a message");
  PublicKey key = keypair.public_key();
  for (std::size_t bit = 0; bit < 8 * key.size(); ++bit) {
    flip(key, bit);
    EXPECT_FALSE(verify(key, "a message", signature)) << "bit " << bit;
    flip(key, bit);
  }
}

TEST_P(SignatureOf, IsRefusedWithAnyBitOfTheMessageFlipped) {
  const Keypair keypair = Keypair::from_seed(test::bytes<32>(std::string(64, '7')), GetParam());
  std::array<std::uint8_t, 40> message{};
  const std::string_view text(reinterpret_cast<const char*>(message.data()), message.size());
  const SignatureBytes signature = keypair.sign(text);
  ASSERT_TRUE(verify(keypair.public_key(), text, signature));
  for (std::size_t bit = 0; bit < 8 * message.size(); ++bit) {
    flip(message, bit);
    EXPECT_FALSE(verify(keypair.public_key(), text, signature)) << "bit " << bit;
    flip(message, bit);
  }
}

TEST_P(SignatureOf, IsNotAnotherKeys) {
  const Keypair one = Keypair::generate(GetParam());
  const Keypair other = Keypair::generate(GetParam());
  EXPECT_FALSE(verify(other.public_key(), "a message", one.sign("a message")));
}

TEST_P(SignatureOf, CarriesItsSchemeInTheMarkerBit) {
  EXPECT_EQ(scheme_of(Keypair::generate(GetParam()).sign("")), GetParam());
}

TEST(Signature, OfAWrappedMessageIsAcceptedWhereAskedFor) {
  const test::VectorFile file("polkadot.json");
  for (const auto& vector : file.list("wrapped")) {
    const auto key = vector.array<32>("public");
    const auto signature = vector.array<64>("signature");
    EXPECT_FALSE(verify(key, vector.text("text"), signature));
    EXPECT_TRUE(verify_maybe_wrapped(key, vector.text("text"), signature));
    EXPECT_FALSE(verify_maybe_wrapped(key, vector.text("text") + "x", signature));
    EXPECT_TRUE(verify(key, "<Bytes>" + vector.text("text") + "</Bytes>", signature));
  }
}

TEST(Signature, OfABareMessageIsAcceptedAsMaybeWrapped) {
  const Keypair keypair = Keypair::generate();
  EXPECT_TRUE(verify_maybe_wrapped(keypair.public_key(), "a", keypair.sign("a")));
}

TEST(Ed25519, RefusesSmallOrderKeys) {
  // With a key of small order, R = 0 and s = 0 verify for every message in lenient implementations.
  PublicKey key{};
  key[0] = 1;
  SignatureBytes signature{};
  signature[0] = 1;
  EXPECT_FALSE(verify(key, "a message", signature));
}

TEST(SignatureText, IsReadBackAsWritten) {
  const SignatureBytes signature = Keypair::generate().sign("a");
  const std::string text = format_signature(signature);
  EXPECT_EQ(text.size(), 130U);
  EXPECT_TRUE(text.starts_with("0x"));
  const auto read = parse_signature(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, signature);
}

TEST(SignatureText, MayCarryTheSchemeInFront) {
  for (const Scheme scheme : {Scheme::ed25519, Scheme::sr25519}) {
    const SignatureBytes signature = Keypair::generate(scheme).sign("a");
    const std::string digits = format_signature(signature).substr(2);
    const bool is_sr25519 = scheme == Scheme::sr25519;
    const auto read = parse_signature((is_sr25519 ? "0x01" : "0x00") + digits);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, signature);
    EXPECT_THAT(error_of((is_sr25519 ? "0x00" : "0x01") + digits), HasSubstr("marker bit"));
    EXPECT_THAT(error_of("0x02" + digits), HasSubstr("marker bit"));
  }
}

TEST(SignatureText, MayBeUpperCase) {
  EXPECT_TRUE(parse_signature("0x" + std::string(128, 'A')));
}

TEST(SignatureText, OfAnotherFormIsNamed) {
  const std::string digits(128, 'a');
  EXPECT_THAT(error_of(""), HasSubstr("0x"));
  EXPECT_THAT(error_of(digits), HasSubstr("0x"));
  EXPECT_THAT(error_of("0X" + digits), HasSubstr("0x"));
  EXPECT_THAT(error_of("0x" + digits.substr(1)), HasSubstr("127 characters"));
  EXPECT_THAT(error_of("0x" + digits + "abc"), HasSubstr("131 characters"));
  EXPECT_THAT(error_of("0x"), HasSubstr("0 characters"));
  EXPECT_THAT(error_of("0x" + digits.substr(1) + "g"), HasSubstr("no hex digit"));
  EXPECT_THAT(error_of("0x" + digits.substr(1) + " "), HasSubstr("no hex digit"));
}

}  // namespace
}  // namespace dojo::wire
