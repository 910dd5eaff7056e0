#include <set>
#include <thread>

#include <gmock/gmock.h>

#include <dojo/wire/btauth.hpp>
#include <dojo/wire/keypair.hpp>

#include "vectors.hpp"

namespace dojo::wire {
namespace {

using testing::HasSubstr;

constexpr std::string_view kAlice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
constexpr std::string_view kAliceEd25519 = "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu";
constexpr std::string_view kBob = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
constexpr std::string_view kNonce = "1752076800000000000";
constexpr std::string_view kBody = R"({"prompt": "hello"})";

BtauthHeaders headers(std::string_view hotkey = kAlice) {
  return {.version = "1", .hotkey = hotkey, .nonce = kNonce, .receiver = kBob};
}

BtauthStatement golden(std::string_view hotkey, std::optional<std::string_view> crypto) {
  auto stated = headers(hotkey);
  stated.crypto = crypto;
  auto statement = parse_btauth("POST", "/generate?stream=false", stated);
  EXPECT_TRUE(statement) << statement.error().message;
  return *statement;
}

std::string error_of(const BtauthHeaders& stated) {
  const auto statement = parse_btauth("POST", "/", stated);
  if (statement) return "no error";
  EXPECT_EQ(statement.error().code, Code::malformed);
  return statement.error().message;
}

TEST(Btauth, SignsTheEightLinesOfTheGoldenVector) {
  EXPECT_EQ(format_btauth(golden(kAlice, {}), sha256_of_body(kBody)),
            "btauth/1\nsr25519\nPOST\n/generate?stream=false\n"
            "341c57448e531310fbbe83f44cea2a5e838bd9e8a6b82b269f01d0dbbc23c3cc\n"
            "1752076800000000000\n5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\n"
            "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty");
}

TEST(Btauth, MakesTheGoldenVectorsEd25519Signature) {
  const auto statement = golden(kAliceEd25519, "ed25519");
  const auto alice = Keypair::from_seed_hex(  // //Alice
      "abf8e5bdbe30c65656c0a3cbd181ff8a56294a69dfedd27982aace4a76909115", Scheme::ed25519);
  ASSERT_TRUE(alice);
  EXPECT_EQ(alice->address(), kAliceEd25519);
  const auto text = format_btauth(statement, sha256_of_body(kBody));
  EXPECT_EQ(format_signature(alice->sign(text)),
            "0x1a6b631988bf1f7ea093ab9d5acf61f05c316d0b0e428b24b487b75a5f6ee0e1"
            "a56a26918fdf871b6cf09437e6588023a4ce423cf622621b2a7feee17612f704");
}

TEST(Btauth, TakesTheGoldenVectorsSr25519Signature) {
  const auto statement = golden(kAlice, "sr25519");
  const auto signature = parse_btauth_signature(
      "0x2e3ddf05f9facb4e07c380884571d68fcf54b8ac614b057d341d278b7abc9b66"
      "533c05b09288268916b3101637b9ecf8f63f997a6051c55c9ed797b4257ec28a");
  ASSERT_TRUE(signature);
  const auto text = format_btauth(statement, sha256_of_body(kBody));
  EXPECT_TRUE(verify(statement.key, Scheme::sr25519, text, *signature));
  EXPECT_FALSE(verify(statement.key, Scheme::ed25519, text, *signature));
  EXPECT_FALSE(verify(statement.key, Scheme::sr25519, text + '\n', *signature));
}

TEST(Btauth, WritesWhatItHasRead) {
  auto stated = headers();
  stated.receiver = std::nullopt;
  const auto statement = parse_btauth("post", "/a%20b?c=%2F&d#", stated);
  ASSERT_TRUE(statement);
  EXPECT_EQ(statement->key, decode_ss58(kAlice)->key);
  EXPECT_EQ(format_btauth(*statement, sha256_of_body("")),
            "btauth/1\nsr25519\nPOST\n/a%20b?c=%2F&d#\n"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
            "1752076800000000000\n" +
                std::string(kAlice) + "\n-");
}

TEST(Btauth, HasOneVersion) {
  for (const auto* version : {"", "2", "01", "1.0", " 1", "1 "}) {
    auto stated = headers();
    stated.version = version;
    EXPECT_THAT(error_of(stated), HasSubstr("X-Bittensor-Version")) << version;
  }
}

TEST(Btauth, ReadsAddressesOf48CharactersAndPrefix42) {
  EXPECT_EQ(error_of(headers(kAlice)), "no error");
  const auto key = decode_ss58(kAlice)->key;
  auto typo = std::string(kAlice);
  typo[7] = typo[7] == 'x' ? 'y' : 'x';
  for (const auto& [hotkey, why] : {std::pair<std::string, std::string>{"", "48 characters"},
                                    {std::string(kAlice.substr(1)), "48 characters"},
                                    {std::string(kAlice) + "1", "48 characters"},
                                    {std::string(100'000, '1'), "48 characters"},
                                    {encode_ss58(key, 0), "prefix, 42"},
                                    {encode_ss58(key, 43), "prefix, 42"},
                                    {typo, "checksum"},
                                    {std::string(kAlice.substr(1)) + "0", "base58"},
                                    {" " + std::string(kAlice.substr(1)), "base58"}}) {
    EXPECT_THAT(error_of(headers(hotkey)), HasSubstr(why)) << hotkey.substr(0, 64);
    EXPECT_THAT(error_of(headers(hotkey)), HasSubstr("X-Bittensor-Hotkey"));
  }
}

TEST(Btauth, ReadsNoncesOf1To20Digits) {
  for (const auto& [digits, nonce] : {std::pair<std::string, std::uint64_t>{"0", 0},
                                      {"1752076800000000000", 1'752'076'800'000'000'000U},
                                      {"01752076800000000000", 1'752'076'800'000'000'000U},
                                      {"18446744073709551615", 18'446'744'073'709'551'615U},
                                      {"18446744073709551616", 18'446'744'073'709'551'615U},
                                      {"99999999999999999999", 18'446'744'073'709'551'615U}}) {
    auto stated = headers();
    stated.nonce = digits;
    const auto statement = parse_btauth("POST", "/", stated);
    ASSERT_TRUE(statement) << digits;
    EXPECT_EQ(statement->nonce, nonce);
  }
  for (const auto* digits : {"", "-1", "+1", "1.0", "1e18", "0x1", " 1", "1 ", "1_000", "abc",
                             "000000000000000000001", "\xd9\xa1"}) {
    auto stated = headers();
    stated.nonce = digits;
    EXPECT_THAT(error_of(stated), HasSubstr("X-Bittensor-Nonce")) << digits;
  }
}

TEST(Btauth, KnowsTwoSchemesByTheirVeryNames) {
  EXPECT_EQ(golden(kAlice, {}).scheme, Scheme::sr25519);
  EXPECT_EQ(golden(kAlice, "sr25519").scheme, Scheme::sr25519);
  EXPECT_EQ(golden(kAlice, "ed25519").scheme, Scheme::ed25519);
  for (const auto* word : {"", "SR25519", "Ed25519", " sr25519", "sr25519 ", "0", "1", "ecdsa"}) {
    auto stated = headers();
    stated.crypto = word;
    EXPECT_THAT(error_of(stated), HasSubstr("sr25519 or ed25519; left out")) << word;
  }
  for (const auto* word : {"hashed", "mldsa"}) {
    auto stated = headers();
    stated.crypto = word;
    EXPECT_THAT(error_of(stated), HasSubstr(std::string(word) + " is not in use yet"));
  }
}

TEST(Btauth, ReadsSignaturesOf128HexDigits) {
  const std::string hex(128, 'A');
  EXPECT_TRUE(parse_btauth_signature("0x" + hex));
  for (const auto& text : {std::string(), std::string("0x"), hex, "0X" + hex, "0x01" + hex,
                           "0x" + hex.substr(1), "0x" + hex + "a", "0x" + hex.substr(1) + "g",
                           "0x" + hex.substr(1) + " ", "0x" + std::string(10'606, 'a')}) {
    const auto signature = parse_btauth_signature(text);
    ASSERT_FALSE(signature) << text.substr(0, 140);
    EXPECT_EQ(signature.error().code, Code::malformed);
    EXPECT_THAT(signature.error().message, HasSubstr("X-Bittensor-Signature"));
  }
}

TEST(Btauth, CountsASignatureInTheDeclaredSchemeAlone) {
  for (const auto scheme : {Scheme::sr25519, Scheme::ed25519}) {
    const auto other = scheme == Scheme::sr25519 ? Scheme::ed25519 : Scheme::sr25519;
    const auto key = Keypair::generate(scheme);
    const auto signature = key.sign("text");
    EXPECT_TRUE(verify(key.public_key(), scheme, "text", signature));
    EXPECT_FALSE(verify(key.public_key(), other, "text", signature));
    EXPECT_FALSE(verify(key.public_key(), scheme, "text", key.sign("<Bytes>text</Bytes>")));
  }
}

TEST(BtauthNonce, IsNeverGivenTwice) {
  constexpr int kThreads = 4;
  constexpr int kEach = 10'000;
  std::vector<std::vector<std::uint64_t>> given(kThreads);
  std::vector<std::thread> threads;
  for (auto& mine : given) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < kEach; ++i) mine.push_back(make_btauth_nonce());
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const auto& mine : given) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), std::size_t{kThreads} * kEach);
}

}  // namespace
}  // namespace dojo::wire
