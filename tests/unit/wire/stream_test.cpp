// Streams as they stand on the wire (dojo/wire/stream.hpp).
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/signed_answer.hpp>
#include <dojo/wire/stream.hpp>

namespace dojo::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;
using testing::StartsWith;

using Event = std::pair<std::string, std::string>;

/// What is read of `text`, given in pieces of that size.
std::vector<Event> read(std::string_view text, std::size_t size) {
  EventReader reader;
  std::vector<Event> events;
  while (!text.empty()) {
    const auto piece = text.substr(0, size);
    text.remove_prefix(piece.size());
    EXPECT_TRUE(reader.feed(piece, [&](std::string_view event, std::string_view data) {
      events.emplace_back(event, data);
    }));
  }
  return events;
}

TEST(Events, AreReadWhateverPiecesTheyComeIn) {
  const std::string text =
      "\xef\xbb\xbf"
      "event: chunk\ndata: {\"a\":1}\n\n"
      ": a comment\r\n\r\n"
      "event:chunk\r\ndata:{\"b\":2}\r\nid: 7\r\n\r\n"
      "retry: 5\rdata: one\rdata\rdata:  two\r\r"
      "event: none\n\n"
      "data: {}\nevent: tw-end\n\n"
      "event: chunk\ndata: cut";
  for (const std::size_t size : {1U, 2U, 3U, 7U, 1'000U}) {
    EXPECT_THAT(read(text, size),
                ElementsAre(Event("chunk", R"({"a":1})"), Event("chunk", R"({"b":2})"),
                            Event("message", "one\n\n two"), Event("tw-end", "{}")))
        << size;
  }
}

TEST(Events, AreWrittenAsTheyAreRead) {
  const auto text = format_event("chunk", R"({"a":1})") + format_event("tw-end", "{}");
  EXPECT_EQ(text, "event: chunk\ndata: {\"a\":1}\n\nevent: tw-end\ndata: {}\n\n");
  EXPECT_THAT(read(text, 5), ElementsAre(Event("chunk", R"({"a":1})"), Event("tw-end", "{}")));
}

TEST(Events, AreNotHeldBeyondALimit) {
  const auto nothing = [](std::string_view, std::string_view) {};
  EventReader of_one_line;
  Status status;
  for (int i = 0; i < 2'000 && status; ++i)
    status = of_one_line.feed(std::string(1'000, 'x'), nothing);
  EXPECT_EQ(status.error().code, Code::too_large);
  EventReader of_many;
  status = {};
  for (int i = 0; i < 2'000 && status; ++i)
    status = of_many.feed("data: " + std::string(1'000, 'x') + "\n", nothing);
  EXPECT_EQ(status.error().code, Code::too_large);
}

TEST(AChunk, IsOneLineWithAnObjectOrAnArray) {
  for (const auto* const good : {"{}", "[]", R"({"a":[1,{"b":"}]\"\\"}]})", "[[[]]] ", "[1,2]"}) {
    EXPECT_EQ(fault_of_chunk(good), std::nullopt) << good;
  }
  for (const auto* const bad : {"", "1", "null", "\"x\"", " {}", "{", "{}{}", "{} x", "[1,]",
                                "[\n]", "{\"a\":\r1}", "[NaN]", "[\"\xff\"]"}) {
    EXPECT_NE(fault_of_chunk(bad), std::nullopt) << bad;
  }
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_EQ(fault_of_chunk(nested(128)), std::nullopt);
  EXPECT_THAT(fault_of_chunk(nested(129)), Optional(StartsWith("nested deeper")));
  const auto sized = [](std::size_t bytes) { return "[\"" + std::string(bytes - 4, 'x') + "\"]"; };
  EXPECT_EQ(fault_of_chunk(sized(kLongestChunk)), std::nullopt);
  EXPECT_THAT(fault_of_chunk(sized(kLongestChunk + 1)), Optional(StartsWith("longer than")));
}

constexpr std::string_view kDigest =
    "dfe2e5ae10b1f3fcab6ccfcea6ea23a0eba0b5a5d1a5f2e4c60a6d0f0b6d4f6a";

TEST(TheEndOfAStream, IsReadStrictly) {
  const std::string digest(kDigest);
  const auto end = [&](const std::string& rest) { return R"({"digest":")" + digest + '"' + rest; };
  const auto read =
      parse_stream_end(end(R"(, "count": 18446744073709551615, "signature":"0xab"})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->digest, digest);
  EXPECT_EQ(read->count, UINT64_MAX);
  EXPECT_EQ(read->signature, "0xab");
  EXPECT_EQ(parse_stream_end(format_stream_end(*read))->count, UINT64_MAX);
  EXPECT_FALSE(parse_stream_end(end(R"(,"count":2})"))->signature);
  EXPECT_EQ(format_stream_end({digest, 2, std::nullopt}), end(R"(,"count":2})"));
  for (const auto& bad :
       {std::string(), std::string("[]"), std::string("{}"), end("}"), end(R"(,"count":-1})"),
        end(R"(,"count":-0})"), end(R"(,"count":1.0})"), end(R"(,"count":1e2})"),
        end(R"(,"count":18446744073709551616})"), end(R"(,"count":"1"})"), end(R"(,"count":null})"),
        end(R"(,"count":1,"count":1})"), end(R"(,"count":1,"more":1})"),
        end(R"(,"count":1,"signature":1})"), end(R"(,"count":1,"signature":null})"),
        end(R"(,"count":1} x)"), end(R"(,"digest":")" + digest + R"(","count":1})"),
        R"({"count":1,"digest":")" + digest.substr(1) + R"("})",
        R"({"count":1,"digest":"A)" + digest.substr(1) + R"("})"}) {
    const auto refused = parse_stream_end(bad);
    EXPECT_FALSE(refused) << bad;
    EXPECT_EQ(refused ? Code::ok : refused.error().code, Code::malformed);
  }
}

TEST(ADigest, IsOverAllChunks) {
  StreamDigest digest;
  EXPECT_EQ(digest.hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  digest.add(R"({"result":)");
  const auto before = digest.hex();
  digest.add(R"("HELLO"})");
  EXPECT_EQ(digest.hex(), "80954376cd070acaef248d40209cc03ca21aa691ca4a4b58fac4783a3c36727f");
  EXPECT_EQ(digest.count(), 2U);
  EXPECT_NE(before, digest.hex());
}

TEST(AStreamsSignature, OfTheDocsIsVerified) {
  StreamDigest digest;
  digest.add(R"({"result":"HELLO"})");
  const auto hex = digest.hex();
  const std::vector<std::pair<std::string_view, std::string_view>> headers{
      {kAnswerVersionHeader, "1"},
      {kAnswerHotkeyHeader, "5GoNkf6WdbxCFnPdAnYYQyCjAKPJgLNxXwPjwTh6DGg6gN3E"},
      {kAnswerCryptoHeader, "ed25519"},
      {kAnswerSignatureHeader,
       "0x9d0bfa6d0a92c4328e639ae239263c328834773455da10c88f0258b0c512f1395f93649ec117e6f787d0dde6b"
       "9"
       "37b59e553ea1ab1e2b69ab231b86e59e626c05"}};
  const auto values = [&](std::string_view name) {
    std::vector<std::string_view> found;
    for (const auto& [key, value] : headers) {
      if (key == name) found.push_back(value);
    }
    return found;
  };
  AnswerStatement statement{.nonce = "1752076800000000000",
                            .sender = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
                            .status = 200,
                            .body = {},
                            .digest = hex};
  EXPECT_TRUE(verify_answer(statement, headers[1].second, values));
  digest.add("{}");
  const auto other = digest.hex();
  statement.digest = other;
  EXPECT_FALSE(verify_answer(statement, headers[1].second, values));
}

}  // namespace
}  // namespace dojo::wire
