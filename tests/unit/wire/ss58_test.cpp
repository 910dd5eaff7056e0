#include <gmock/gmock.h>

#include <dojo/wire/ss58.hpp>

#include "vectors.hpp"

namespace dojo::wire {
namespace {

using testing::HasSubstr;

constexpr std::string_view kAlice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

std::string error_of(std::string_view text) {
  const auto address = decode_ss58(text);
  if (address) return "no error";
  EXPECT_EQ(address.error().code, Code::malformed);
  return address.error().message;
}

TEST(Ss58, ReadsAWellKnownAddress) {
  const auto alice = decode_ss58(kAlice);
  ASSERT_TRUE(alice) << alice.error().message;
  EXPECT_EQ(alice->prefix, kBittensorPrefix);
  EXPECT_EQ(encode_hex(alice->key),
            "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d");
}

TEST(Ss58, AgreesWithOthersOnEveryPrefix) {
  const test::VectorFile file("polkadot.json");
  for (const auto& vector : file.list("addresses")) {
    const auto key = vector.array<32>("public");
    const auto prefix = static_cast<std::uint16_t>(vector.number("prefix"));
    EXPECT_EQ(encode_ss58(key, prefix), vector.text("address"));
    const auto address = decode_ss58(vector.text("address"));
    ASSERT_TRUE(address) << address.error().message;
    EXPECT_EQ(address->key, key);
    EXPECT_EQ(address->prefix, prefix);
  }
}

TEST(Ss58, AgreesWithOthersOnTheirKeysAddresses) {
  for (const auto name : test::kVectorFiles) {
    const test::VectorFile file(name);
    for (const auto& vector : file.list("keys")) {
      EXPECT_EQ(encode_ss58(vector.array<32>("public")), vector.text("address"));
    }
  }
}

TEST(Ss58, ReadsBackWhatItWritesForEveryPrefix) {
  PublicKey key{};
  for (unsigned prefix = 0; prefix < 16384; ++prefix) {
    key[prefix % 32] = static_cast<std::uint8_t>(prefix);
    const std::string text = encode_ss58(key, static_cast<std::uint16_t>(prefix));
    const auto address = decode_ss58(text);
    if (prefix == 46 || prefix == 47) {
      EXPECT_FALSE(address);
      continue;
    }
    ASSERT_TRUE(address) << prefix << ": " << address.error().message;
    ASSERT_EQ(address->prefix, prefix);
    ASSERT_EQ(address->key, key);
  }
}

TEST(Ss58, KeepsLeadingZeros) {
  const PublicKey zero{};
  const std::string text = encode_ss58(zero, 0);
  EXPECT_TRUE(text.starts_with(std::string(33, '1')));
  const auto address = decode_ss58(text);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->key, zero);
  EXPECT_FALSE(decode_ss58("1" + text)) << "one zero byte more is another text";
  EXPECT_FALSE(decode_ss58(text.substr(1)));
}

TEST(Ss58, RefusesEveryOtherCharacterInEveryPlace) {
  for (std::size_t i = 0; i < kAlice.size(); ++i) {
    std::string text(kAlice);
    for (const char other : {'1', '2', 'z', '0', 'O', 'I', 'l', ' ', '\0', '\x80', '-'}) {
      if (kAlice[i] == other) continue;
      text[i] = other;
      EXPECT_FALSE(decode_ss58(text)) << text;
    }
  }
}

TEST(Ss58, NamesWhatIsWrong) {
  EXPECT_THAT(error_of(""), HasSubstr("empty"));
  EXPECT_THAT(error_of(std::string(kAlice) + " "), HasSubstr("character 49"));
  EXPECT_THAT(error_of("5Grw0aEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"),
              HasSubstr("character 5"));
  EXPECT_THAT(error_of(kAlice.substr(0, 40)), HasSubstr("length"));
  EXPECT_THAT(error_of(std::string(64, 'z')), HasSubstr("length"));
  EXPECT_THAT(error_of(std::string(64, '1')), HasSubstr("length"));
  EXPECT_THAT(error_of(std::string(65, 'z')), HasSubstr("over 64"));
  EXPECT_THAT(error_of(encode_ss58({}, 46)), HasSubstr("reserved prefix"));
  std::string mistyped(kAlice);
  mistyped.back() = 'Z';
  EXPECT_THAT(error_of(mistyped), HasSubstr("checksum"));
}

}  // namespace
}  // namespace dojo::wire
