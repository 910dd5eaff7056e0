#include <gmock/gmock.h>

#include <dojo/wire/dialect.hpp>
#include <dojo/wire/session.hpp>

#include "vectors.hpp"

namespace dojo::wire {
namespace {

using testing::HasSubstr;

constexpr std::string_view kAlice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
constexpr std::string_view kNonce = "000102030405060708090a0b0c0d0e0f";
constexpr std::string_view kEmptyHash =
    "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";

DojoMessage example() {
  return {.method = "POST",
          .path = "/Echo",
          .to = decode_ss58(kAlice)->key,
          .time = std::chrono::sys_time<std::chrono::milliseconds>(
              std::chrono::milliseconds(1'700'000'000'123)),
          .nonce = test::bytes<16>(kNonce),
          .body = test::bytes<32>(kEmptyHash)};
}

std::string example_text() {
  return "dojo/1 POST /Echo to=5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY ts=1700000000123 "
         "nonce=000102030405060708090a0b0c0d0e0f "
         "body=0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
}

/// The example's text with one piece of it replaced.
std::string changed(std::string_view piece, std::string_view by) {
  std::string text = example_text();
  const auto at = text.find(piece);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, piece.size(), by);
}

void expect_malformed(std::string_view text, std::string_view field) {
  const auto message = parse_dojo_message(text);
  ASSERT_FALSE(message) << text;
  EXPECT_EQ(message.error().code, Code::malformed);
  EXPECT_THAT(message.error().message, HasSubstr(field)) << text;
}

TEST(Dialect, IsKnownFromTheMessagesBeginning) {
  EXPECT_EQ(dialect_of(example_text()), Dialect::dojo1);
  EXPECT_EQ(dialect_of("dojo/1 and what does not parse"), Dialect::dojo1);
  for (const auto* text : {"", "dojo/1", "dojo/2 POST", "Dojo/1 ", " dojo/1 ", "any text"}) {
    EXPECT_EQ(dialect_of(text), Dialect::legacy) << text;
  }
}

TEST(Dialect, HasAName) {
  for (const Dialect dialect : kDialects) {
    EXPECT_EQ(parse_dialect(to_string(dialect)), dialect);
  }
  EXPECT_EQ(parse_dialect("dojo/2"), std::nullopt);
  EXPECT_EQ(parse_dialect(""), std::nullopt);
}

TEST(Dialect, KnowsTheHeadersThatProve) {
  for (const auto name :
       {kHotkeyHeader, kMessageHeader, kSignatureHeader, kSessionHeader, kEpistulaVersionHeader,
        kEpistulaTimestampHeader, kEpistulaUuidHeader, kEpistulaSignedByHeader,
        kEpistulaSignedForHeader, kEpistulaSignatureHeader,
        std::string_view("Epistula-Secret-Signature-0"), std::string_view("X-HOTKEY"),
        std::string_view("X-Bittensor-Nonce"), std::string_view("x-bittensor-signature")}) {
    EXPECT_TRUE(is_signing_header(name)) << name;
  }
  for (const auto name :
       {kCodeHeader, kRequestIdHeader, std::string_view("x-subnet"), std::string_view("epistula"),
        std::string_view("x-signature-2"), std::string_view()}) {
    EXPECT_FALSE(is_signing_header(name)) << name;
  }
}

TEST(LegacyMessage, IsNeverATextOfAnotherDialect) {
  const std::string hash = std::string(48, 'a') + "0123456789abcdef";
  for (const auto& text : {example_text(), "<Bytes>" + example_text() + "</Bytes>", hash + ".u.1.",
                           "<Bytes>" + hash + ".u.1.</Bytes>", std::string("btauth/1\nsr25519"),
                           std::string("<Bytes>btauth/1\nsr25519</Bytes>")}) {
    EXPECT_FALSE(may_be_legacy(text)) << text;
  }
  for (const auto& text : {legacy_message(kAlice), std::string(), hash, hash + "a.u.1.",
                           std::string(64, 'g') + ".u.1.", std::string("<Bytes>x</Bytes>"),
                           std::string("btauth/1"), std::string("btauth/1 \n")}) {
    EXPECT_TRUE(may_be_legacy(text)) << text;
  }
}

TEST(Epistula, SignsItsBodysHashAndWhatItsHeadersSay) {
  auto statement = parse_epistula("357c8ea6-ef90", "1795370290730", "");
  ASSERT_TRUE(statement) << statement.error().message;
  EXPECT_EQ(statement->to, std::nullopt);
  EXPECT_EQ(format_epistula(*statement, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.357c8ea6-ef90."
            "1795370290730.");
  statement = parse_epistula("u", "0", kAlice);
  ASSERT_TRUE(statement) << statement.error().message;
  EXPECT_EQ(statement->to, decode_ss58(kAlice)->key);
  EXPECT_EQ(format_epistula(*statement, ""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.u.0." +
                std::string(kAlice));
}

TEST(Epistula, NamesTheHeaderThatIsWrong) {
  const auto wrong = [](const std::string& uuid, const std::string& time, const std::string& to) {
    const auto statement = parse_epistula(uuid, time, to);
    if (statement) return std::string();
    EXPECT_EQ(statement.error().code, Code::malformed);
    return statement.error().message;
  };
  EXPECT_EQ(wrong(std::string(64, 'A'), "999999999999999", ""), "");
  for (const auto& uuid : {std::string(), std::string(65, 'a'), std::string("a.b"),
                           std::string("a b"), std::string("\xc3\xa9"), std::string("a\0b", 3)}) {
    EXPECT_THAT(wrong(uuid, "1", ""), HasSubstr("Epistula-Uuid")) << uuid;
  }
  for (const auto* time : {"", "01", "-1", "+1", "1.5", "0x1", " 1", "1234567890123456", "1e3"}) {
    EXPECT_THAT(wrong("u", time, ""), HasSubstr("Epistula-Timestamp")) << time;
  }
  EXPECT_THAT(wrong("u", "1", "5Bad"), HasSubstr("Epistula-Signed-For"));
}

TEST(LegacyMessage, IsThePythonClients) {
  EXPECT_EQ(legacy_message("5Grw"), "I solemnly swear that I am up to some good. Hotkey: 5Grw");
}

TEST(LegacyMessage, NamesItsHotkey) {
  EXPECT_EQ(parse_legacy_message(legacy_message(kAlice)), kAlice);
  EXPECT_EQ(parse_legacy_message(legacy_message("")), std::nullopt);
  EXPECT_EQ(parse_legacy_message("I solemnly swear that I am up to no good. Hotkey: x"),
            std::nullopt);
  EXPECT_EQ(parse_legacy_message(""), std::nullopt);
}

TEST(LegacyMessage, IsAHotkeysOwnUnderEachPrefix) {
  const auto alice = decode_ss58(kAlice)->key;
  EXPECT_TRUE(is_legacy_message_of(legacy_message(kAlice), alice));
  EXPECT_TRUE(is_legacy_message_of(legacy_message(encode_ss58(alice, 0)), alice));
  const auto another = encode_ss58(PublicKey{7});
  const auto begin = legacy_message("");
  for (const auto& text :
       {legacy_message(another), legacy_message(kAlice) + " ",
        legacy_message(kAlice) + "\n" + std::string(kAlice), " " + legacy_message(kAlice), begin,
        std::string(), std::string(kAlice), "<Bytes>" + legacy_message(kAlice) + "</Bytes>",
        "1732616400000000000." + std::string(kAlice) + "." + another + ".uuid.hash",
        "Login to the dashboard: " + std::string(kAlice), std::string(32, '\x9c')}) {
    EXPECT_FALSE(is_legacy_message_of(text, alice)) << text;
  }
}

TEST(BodyHash, IsBlake2b256) {
  // RFC 7693's function with 32 bytes of output, as Python's hashlib.blake2b(digest_size=32) gives
  // it.
  EXPECT_EQ(encode_hex(hash_body("")), kEmptyHash);
  EXPECT_EQ(encode_hex(hash_body("abc")),
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(Nonce, IsNeverTheSame) {
  EXPECT_NE(make_nonce(), make_nonce());
}

TEST(DojoMessage, IsWrittenInOneLine) {
  EXPECT_EQ(format_dojo_message(example()), example_text());
}

TEST(DojoMessage, IsReadBack) {
  const auto message = parse_dojo_message(example_text());
  ASSERT_TRUE(message) << message.error().message;
  const DojoMessage expected = example();
  EXPECT_EQ(message->method, expected.method);
  EXPECT_EQ(message->path, expected.path);
  EXPECT_EQ(message->to, expected.to);
  EXPECT_EQ(message->time, expected.time);
  EXPECT_EQ(message->nonce, expected.nonce);
  EXPECT_EQ(message->body, expected.body);
}

TEST(DojoMessage, MayBeForAnyReceiver) {
  DojoMessage message = example();
  message.to.reset();
  const std::string text = format_dojo_message(message);
  EXPECT_THAT(text, HasSubstr(" to=* "));
  const auto read = parse_dojo_message(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->to, std::nullopt);
}

TEST(DojoMessage, MayBeAPreflights) {
  EXPECT_TRUE(parse_dojo_message(changed("POST", "HEAD")));
}

TEST(DojoMessage, OfAnotherVersionIsRefused) {
  expect_malformed(changed("dojo/1", "dojo/2"), "beginning");
  expect_malformed("", "beginning");
}

TEST(DojoMessage, WithAWrongMethodIsRefused) {
  for (const auto* method : {"get", "post", "", "P0ST", "ABCDEFGHIJKLMNOPQ"}) {
    expect_malformed(changed("POST", method), "method");
  }
}

TEST(DojoMessage, WithAWrongPathIsRefused) {
  for (const auto* path :
       {"Echo", "", "/Echo?x=1", "/Echo#x", "/Ec\tho", "/Ech\xc3\xb6", "/Ec\x7fho", "/\n"}) {
    expect_malformed(changed("/Echo", path), "path");
  }
}

TEST(DojoMessage, WithAWrongReceiverIsRefused) {
  for (const auto* to : {"", "to=", "to=**", "to=5Grw", "To=*", "*"}) {
    expect_malformed(changed("to=5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", to),
                     "receiver");
  }
  const std::string polkadot = encode_ss58(*example().to, 0);
  expect_malformed(changed(kAlice, polkadot), "receiver");
}

TEST(DojoMessage, WithAWrongTimeIsRefused) {
  for (const auto* time : {"", "-1", "+1", "01", "00", "1e9", "1.5", "0x1", "1000000000000000",
                           "99999999999999999999", "1 "}) {
    expect_malformed(changed("1700000000123", time),
                     *time == '1' && time[1] == ' ' ? "nonce" : "time");
  }
  EXPECT_TRUE(parse_dojo_message(changed("1700000000123", "0")));
  EXPECT_TRUE(parse_dojo_message(changed("1700000000123", "999999999999999")));
}

TEST(DojoMessage, WithAWrongNonceIsRefused) {
  for (const auto* nonce :
       {"", "00", "000102030405060708090A0B0C0D0E0F", "000102030405060708090a0b0c0d0e0f00",
        "000102030405060708090a0b0c0d0e0g"}) {
    expect_malformed(changed(kNonce, nonce), "nonce");
  }
}

TEST(DojoMessage, WithAWrongBodyHashIsRefused) {
  const std::string upper = "0E5751C026E543B2E8AB2EB06099DAA1D1E5DF47778F7787FAAB45CDF12FE3A8";
  expect_malformed(changed(kEmptyHash, upper), "body hash");
  expect_malformed(changed(kEmptyHash, kEmptyHash.substr(1)), "body hash");
  expect_malformed(changed(" body=", " hash="), "body hash");
}

TEST(DojoMessage, WithAnythingBehindItIsRefused) {
  for (const auto* rest : {" ", "\n", "0", " more=1"}) {
    expect_malformed(example_text() + rest, "body hash");
  }
}

TEST(DojoMessage, WithOtherSpacesIsRefused) {
  const std::string text = example_text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ' ') continue;
    EXPECT_FALSE(parse_dojo_message(std::string(text).insert(i, " "))) << i;
    std::string tab = text;
    tab[i] = '\t';
    EXPECT_FALSE(parse_dojo_message(tab)) << i;
    EXPECT_FALSE(parse_dojo_message(std::string(text).erase(i, 1))) << i;
  }
}

TEST(DojoMessage, ThatIsCutShortIsRefused) {
  const std::string text = example_text();
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_dojo_message(text.substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace dojo::wire
