#include <numeric>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include <dojo/wire/session.hpp>

#include "vectors.hpp"

namespace dojo::wire {
namespace {

using testing::HasSubstr;

constexpr std::string_view kHost = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
constexpr std::string_view kClient = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
constexpr std::string_view kHostKey =
    "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f";
constexpr std::string_view kClientKey =
    "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254";
// Computed in Python, without libsodium: docs/wire.md, Test vectors.
constexpr std::string_view kKey =
    "7051b8763645d85d61500a43602b3803e0f5876b0943211dce87ba4b2793d400";
constexpr std::string_view kTag =
    "40314f81d4c81dfbaa656252148d958c754088ff13a1492e2216baee6f29db87";
constexpr std::string_view kStated =
    "id=000102030405060708090a0b0c0d0e0f count=1 ts=1700000000123 "
    "body=ad32ec9eb0e2070b28cf8282a4cde2e8245c20c180176186f91325cb605d3600";

SessionTime at(std::int64_t ms) {
  return SessionTime(std::chrono::milliseconds(ms));
}

/// 32 bytes that count up.
std::array<std::uint8_t, 32> secret_from(std::uint8_t first) {
  std::array<std::uint8_t, 32> bytes{};
  std::iota(bytes.begin(), bytes.end(), first);
  return bytes;
}

SessionTerms terms() {
  return {.host = decode_ss58(kHost)->key,
          .client = decode_ss58(kClient)->key,
          .host_key = test::bytes<32>(kHostKey),
          .client_key = test::bytes<32>(kClientKey),
          .id = test::bytes<16>("000102030405060708090a0b0c0d0e0f"),
          .expires = at(1'700'003'600'123)};
}

std::string hex(std::span<const std::uint8_t> bytes) {
  return encode_hex(bytes);
}

SessionKey host_key(const SessionTerms& terms) {
  return SessionKey::derive(ExchangeSecret(secret_from(0)), terms.client_key, terms).value();
}

std::string header() {
  return format_session_header(kStated, test::bytes<32>(kTag));
}

/// The header's value with one piece of it replaced.
std::string changed(std::string_view piece, std::string_view by) {
  auto text = header();
  const auto where = text.find(piece);
  EXPECT_NE(where, std::string::npos) << piece;
  return text.replace(where, piece.size(), by);
}

TEST(Session, IsWhatAnotherImplementationMakesOfIt) {
  EXPECT_EQ(hex(ExchangeSecret(secret_from(0)).public_key()), kHostKey);
  EXPECT_EQ(hex(ExchangeSecret(secret_from(32)).public_key()), kClientKey);
  const auto key = host_key(terms());
  EXPECT_EQ(hex(key.bytes()), kKey);
  EXPECT_EQ(hex(hash_body(R"({"message":"hi"})")),
            "ad32ec9eb0e2070b28cf8282a4cde2e8245c20c180176186f91325cb605d3600");
  EXPECT_EQ(hex(key.tag("POST", "/Echo", kHost, kStated)), kTag);
}

TEST(Session, HasOneKeyOnBothSides) {
  const ExchangeSecret host;
  const ExchangeSecret client;
  auto agreed = terms();
  agreed.host_key = host.public_key();
  agreed.client_key = client.public_key();
  const auto ours = SessionKey::derive(host, client.public_key(), agreed);
  const auto theirs = SessionKey::derive(client, host.public_key(), agreed);
  ASSERT_TRUE(ours && theirs);
  EXPECT_EQ(hex(ours->bytes()), hex(theirs->bytes()));
}

TEST(Session, HasAKeyOfItsOwnForWhateverDiffersInItsTerms) {
  std::vector<SessionTerms> all(7, terms());
  all[1].host[0] ^= 1;
  all[2].client[0] ^= 1;
  all[3].host_key[31] ^= 1;
  all[4].id[15] ^= 1;
  all[5].expires += std::chrono::milliseconds(1);
  all[6].client_key[0] ^= 1;
  std::set<std::string> keys;
  const ExchangeSecret own(secret_from(0));
  for (const auto& one : all) {
    keys.insert(hex(SessionKey::derive(own, terms().client_key, one)->bytes()));
  }
  EXPECT_EQ(keys.size(), all.size());
}

TEST(Session, RefusesKeysOfSmallOrder) {
  // https://cr.yp.to/ecdh.html#validate
  for (const std::string_view small :
       {"0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    const auto key = SessionKey::derive(ExchangeSecret(), test::bytes<32>(small), terms());
    ASSERT_FALSE(key) << small;
    EXPECT_EQ(key.error().code, Code::malformed);
  }
}

TEST(Session, TagsMethodPathReceiverAndEachStatement) {
  const auto key = host_key(terms());
  std::set<std::string> tags{
      hex(key.tag("POST", "/Echo", kHost, kStated)), hex(key.tag("HEAD", "/Echo", kHost, kStated)),
      hex(key.tag("POST", "/Ech", kHost, kStated)), hex(key.tag("POST", "/Echo", kClient, kStated)),
      hex(key.tag("POST", "/Echo", kHost, std::string(kStated) + "0"))};
  EXPECT_EQ(tags.size(), 5U);
}

TEST(Session, ComparesEachByteOfATag) {
  const auto tag = test::bytes<32>(kTag);
  EXPECT_TRUE(same_tag(tag, tag));
  for (std::size_t i = 0; i < tag.size(); ++i) {
    auto other = tag;
    other[i] ^= 0x80;
    EXPECT_FALSE(same_tag(tag, other)) << i;
  }
}

TEST(Session, SignsATextThatNoHeaderCanCarry) {
  const auto text = format_session(terms());
  EXPECT_EQ(text,
            "dojo/1 session terms\nhost=5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty\n"
            "client=5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\n"
            "host_key=8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f\n"
            "client_key=358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254\n"
            "id=000102030405060708090a0b0c0d0e0f\nexpires=1700003600123");
  EXPECT_FALSE(parse_dojo_message(text));
  EXPECT_FALSE(may_be_legacy(text));
}

TEST(Session, ReadsTheHeaderThatItWrites) {
  const auto claim = parse_session_header(header());
  ASSERT_TRUE(claim) << claim.error().message;
  EXPECT_EQ(hex(claim->statement.id), "000102030405060708090a0b0c0d0e0f");
  EXPECT_EQ(claim->statement.count, 1U);
  EXPECT_EQ(claim->statement.time, at(1'700'000'000'123));
  EXPECT_EQ(claim->statement.body, hash_body(R"({"message":"hi"})"));
  EXPECT_EQ(hex(claim->tag), kTag);
  EXPECT_EQ(header().substr(0, claim->stated), kStated);
  EXPECT_EQ(format_session_statement(claim->statement), kStated);
}

TEST(Session, CountsToTheLastNumber) {
  const auto last = parse_session_header(changed("count=1 ", "count=18446744073709551615 "));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->statement.count, UINT64_MAX);
}

TEST(Session, SaysWhichFieldOfTheHeaderIsWrong) {
  struct Case {
    std::string value;
    std::string_view field;
  };
  for (const auto& [value, field] : std::vector<Case>{
           {"", "id"},
           {"id=", "id"},
           {changed("id=00", "id=0"), "id"},
           {changed("0a0b", "0A0b"), "id"},
           {changed("id=", " id="), "id"},
           {changed(" count=1", "  count=1"), "count"},
           {changed("count=1", "count=0"), "count"},
           {changed("count=1", "count=01"), "count"},
           {changed("count=1", "count=-1"), "count"},
           {changed("count=1", "count=+1"), "count"},
           {changed("count=1", "count="), "count"},
           {changed("count=1", "count=18446744073709551616"), "count"},
           {changed("ts=1", "ts=01"), "time"},
           {changed("ts=1700000000123", "ts=1700000000123000"), "time"},
           {changed("body=ad", "body=a"), "body hash"},
           {changed("body=ad", "body=AD"), "body hash"},
           {changed("tag=40", "tag=4"), "tag"},
           {changed("tag=4031", "tag=403G"), "tag"},
           {changed("tag=", "tag"), "tag"},
           {header() + " ", "tag"},
           {header() + "0", "tag"},
       }) {
    const auto claim = parse_session_header(value);
    ASSERT_FALSE(claim) << value;
    EXPECT_EQ(claim.error().code, Code::malformed);
    EXPECT_THAT(claim.error().message, HasSubstr("its " + std::string(field) + " is wrong"))
        << value;
  }
}

TEST(Session, ReadsOneFormOfAnIdOnly) {
  const auto id = make_session_id();
  EXPECT_NE(id, make_session_id());
  EXPECT_EQ(parse_session_id(format_session_id(id)).value(), id);
  for (const std::string_view wrong :
       {"", "00", "000102030405060708090A0b0c0d0e0f", "0x0102030405060708090a0b0c0d0e0f"}) {
    EXPECT_FALSE(parse_session_id(wrong)) << wrong;
  }
}

TEST(Session, ReadsOneFormOfAKeyOnly) {
  EXPECT_EQ(parse_exchange_key(kHostKey).value(), test::bytes<32>(kHostKey));
  EXPECT_EQ(format_exchange_key(test::bytes<32>(kHostKey)), kHostKey);
  for (const std::string_view wrong :
       {"", "8f", "8F40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f",
        "0x40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"}) {
    EXPECT_FALSE(parse_exchange_key(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace dojo::wire
