#include "net/framing.hpp"

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "framing_outcome.hpp"

namespace dojo::net {
namespace {

using namespace std::string_literals;
using std::string;

const string kHead = "POST /Echo HTTP/1.1\r\nHost: miner\r\n";

Outcome feed_whole(const string& bytes, const Limits& limits = {}) {
  return feed({bytes}, limits);
}

Outcome feed_in_pieces(const string& bytes, std::size_t size, const Limits& limits = {}) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += size)
    pieces.push_back(std::string_view(bytes).substr(at, size));
  return feed(pieces, limits);
}

/// The outcome must not depend on where the bytes are cut.
void expect_same_however_cut(const string& bytes, const Limits& limits = {}) {
  const auto whole = feed_whole(bytes, limits).events;
  for (std::size_t at = 1; at < bytes.size(); ++at) {
    const std::string_view text(bytes);
    ASSERT_EQ(feed({text.substr(0, at), text.substr(at)}, limits).events, whole)
        << "cut at " << at << " of " << bytes;
  }
  ASSERT_EQ(feed_in_pieces(bytes, 1, limits).events, whole) << bytes;
}

struct Malformed {
  const char* name;
  string bytes;
  int status;
};

std::ostream& operator<<(std::ostream& out, const Malformed& malformed) {
  return out << malformed.name;
}

class AMalformedRequest : public testing::TestWithParam<Malformed> {};

TEST_P(AMalformedRequest, IsRefusedHoweverItIsCut) {
  const auto& [name, bytes, status] = GetParam();
  const auto outcome = feed_whole(bytes);
  ASSERT_FALSE(outcome.events.empty()) << "taken as unfinished";
  EXPECT_EQ(outcome.events.back().substr(0, 4), std::to_string(status) + ' ')
      << outcome.events.back();
  EXPECT_EQ(outcome.requests(), 0U);
  expect_same_however_cut(bytes);
}

string with(const string& header) {
  return kHead + header + "\r\n\r\nhello";
}
string chunked(const string& body) {
  return kHead + "Transfer-Encoding: chunked\r\n\r\n" + body;
}
string line(const string& request_line) {
  return request_line + "\r\nHost: a\r\n\r\n";
}

const std::vector<Malformed> kMalformed{
    {"LengthWithSign", with("Content-Length: +5"), 400},
    {"LengthWithMinus", with("Content-Length: -5"), 400},
    {"LengthAsList", with("Content-Length: 5, 5"), 400},
    {"LengthWithComma", with("Content-Length: 5,"), 400},
    {"LengthInHex", with("Content-Length: 0x5"), 400},
    {"LengthWithLetters", with("Content-Length: 5a"), 400},
    {"LengthWithBlank", with("Content-Length: 5 5"), 400},
    {"LengthEmpty", with("Content-Length:"), 400},
    {"LengthTwiceAlike", with("Content-Length: 5\r\nContent-Length: 5"), 400},
    {"LengthTwiceUnlike", with("Content-Length: 5\r\nContent-Length: 6"), 400},
    {"LengthBeyondSixtyFourBits", with("Content-Length: 18446744073709551621"), 400},
    {"LengthBeforeColonBlank", with("Content-Length : 5"), 400},
    {"LengthAndChunked", with("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400},
    {"ChunkedAndLength", with("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400},
    {"LengthAndOtherEncoding", with("Transfer-Encoding: gzip\r\nContent-Length: 5"), 400},
    {"LengthTooLarge", with("Content-Length: 20000000000"), 413},
    {"EncodingGzip", with("Transfer-Encoding: gzip"), 501},
    {"EncodingGzipChunked", with("Transfer-Encoding: gzip, chunked"), 501},
    {"EncodingChunkedChunked", with("Transfer-Encoding: chunked, chunked"), 501},
    {"EncodingChunkedWithParameter", with("Transfer-Encoding: chunked;q=1"), 501},
    {"EncodingQuoted", with("Transfer-Encoding: \"chunked\""), 501},
    {"EncodingIdentity", with("Transfer-Encoding: identity"), 501},
    {"EncodingAlmostChunked", with("Transfer-Encoding: xchunked"), 501},
    {"EncodingEmpty", with("Transfer-Encoding:"), 501},
    {"EncodingTwice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
    {"EncodingTwiceUnlike", with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), 400},
    {"EncodingWithVerticalTab", with("Transfer-Encoding: \vchunked"), 400},
    {"EncodingOnHttp10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"FoldedHeader", with("X-A: 1\r\n folded"), 400},
    {"FoldedHeaderWithTab", with("X-A: 1\r\n\tfolded"), 400},
    {"FoldedFirstHeader", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"FoldedEncoding", with("Transfer-Encoding:\r\n chunked"), 400},
    {"BlankBeforeColon", with("X-A : 1"), 400},
    {"NoColon", with("X-A"), 400},
    {"NoName", with(": x"), 400},
    {"NameWithBrackets", with("X(A): 1"), 400},
    {"NameWithLatin", with("X-\xe9: 1"), 400},
    {"ValueWithNul", with("X-A: a"s + '\0' + "b"), 400},
    {"ValueWithBell", with("X-A: a\ab"), 400},
    {"ValueWithDelete", with("X-A: a\x7f"), 400},
    {"ValueWithBareCr", with("X-A: a\rb"), 400},
    {"BareLfInHeaders", kHead + "X-A: 1\nX-B: 2\r\n\r\n", 400},
    {"BareLfAtTheEnd", kHead + "X-A: 1\r\n\n", 400},
    {"BareLfAfterRequestLine", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"BareLfEverywhere", "GET / HTTP/1.1\nHost: a\n\n", 400},
    {"BareLfBefore", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"BareCrBefore", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"ManyEmptyLinesBefore", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" + line("GET / HTTP/1.1"),
     400},
    {"NoHost", "GET / HTTP/1.1\r\nX-A: 1\r\n\r\n", 400},
    {"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"TwoHostsOnHttp10", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"HostWithSlash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"HostWithBlank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"HostWithUser", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"HostAsList", "GET / HTTP/1.1\r\nHost: a, b@c\r\n\r\n", 400},
    {"HostWithLetterPort", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", 400},
    {"HostWithTwoPorts", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400},
    {"HostWithOpenBracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"HostWithTailAfterBracket", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400},
    {"HostWithBrokenEscape", "GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", 400},
    {"HostWithEscapeOfOtherLetters", "GET / HTTP/1.1\r\nHost: a%2g\r\n\r\n", 400},
    {"HostWithEscapeOfOtherCapitals", "GET / HTTP/1.1\r\nHost: a%G2\r\n\r\n", 400},
    {"HostWithEscapeOfSigns", "GET / HTTP/1.1\r\nHost: a%2-\r\n\r\n", 400},
    {"HostWithEscapedEscape", "GET / HTTP/1.1\r\nHost: a%%20\r\n\r\n", 400},
    {"VersionCut", line("GET / HTTP/1."), 400},
    {"VersionWithoutMinor", line("GET / HTTP/1"), 400},
    {"VersionWithTwoDigits", line("GET / HTTP/1.10"), 400},
    {"VersionWithLeadingZero", line("GET / HTTP/01.1"), 400},
    {"VersionInLowerCase", line("GET / http/1.1"), 400},
    {"VersionMissing", line("GET /"), 400},
    {"VersionWithTrailingBlank", line("GET / HTTP/1.1 "), 400},
    {"VersionTwo", line("GET / HTTP/2.0"), 505},
    {"VersionTwoPreface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"VersionOneTwo", line("GET / HTTP/1.2"), 505},
    {"VersionZeroNine", line("GET / HTTP/0.9"), 505},
    {"TwoBlanksAfterMethod", line("GET  / HTTP/1.1"), 400},
    {"TwoBlanksAfterTarget", line("GET /  HTTP/1.1"), 400},
    {"TabAfterMethod", line("GET\t/ HTTP/1.1"), 400},
    {"BlankInTarget", line("GET /a b HTTP/1.1"), 400},
    {"NoMethod", line(" / HTTP/1.1"), 400},
    {"MethodWithBracket", line("GE(T / HTTP/1.1"), 400},
    {"TargetWithLatin", line("GET /\xe9 HTTP/1.1"), 400},
    {"TargetWithNul", line("GET /a"s + '\0' + " HTTP/1.1"), 400},
    {"TargetWithFragment", line("GET /a#b HTTP/1.1"), 400},
    {"TargetWithoutSlash", line("GET a HTTP/1.1"), 400},
    {"TargetAsterisk", line("GET * HTTP/1.1"), 400},
    {"TargetOfConnect", line("CONNECT a:443 HTTP/1.1"), 400},
    {"TargetOfOtherScheme", line("GET ftp://a/ HTTP/1.1"), 400},
    {"TargetWithoutHost", line("GET http:///a HTTP/1.1"), 400},
    {"TargetWithUser", line("GET http://u@a/ HTTP/1.1"), 400},
    {"TlsHandshake", "\x16\x03\x01\x02", 400},
    {"ProxyHeaderFromAnybody", "\r\n\r\n"s + '\0' + "\r\nQUIT\n", 400},
    {"UnknownExpectation", with("Expect: 200-ok\r\nContent-Length: 5"), 417},
    {"TwoExpectations", with("Expect: 100-continue\r\nExpect: x\r\nContent-Length: 5"), 417},
    {"ChunkSizeEmpty", chunked("\r\n\r\n"), 400},
    {"ChunkSizeInWords", chunked("xyz\r\n"), 400},
    {"ChunkSizeWithPrefix", chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkSizeWithSign", chunked("+5\r\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkSizeNegative", chunked("-5\r\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkSizeAfterBlank", chunked(" 5\r\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkSizeBeforeBlank", chunked("5 \r\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkSizeOverflow", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkSizesSumOverflow", chunked("1\r\na\r\nffffffffffffffff\r\n"), 400},
    {"ChunkSizeTooLarge", chunked("7fffffff\r\n"), 413},
    {"ChunkLineWithBareLf", chunked("5\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkLineWithBareCr", chunked("5\rx\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkLineTooLong", chunked("5;" + string(600, 'x') + "\r\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkSizeTooLong", chunked(string(600, '0') + "5\r\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkExtensionWithNul", chunked("5;a=\""s + '\0' + "\"\r\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkExtensionQuotedOverTheLine", chunked("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"), 400},
    {"ChunkWithoutEnd", chunked("5\r\nhelloX"), 400},
    {"ChunkWithHalfEnd", chunked("5\r\nhello\rX"), 400},
    {"ChunkLongerThanItsSize", chunked("4\r\nhello\r\n0\r\n\r\n"), 400},
    {"TrailerFolded", chunked("0\r\nX: 1\r\n 2\r\n\r\n"), 400},
    {"TrailerWithoutColon", chunked("0\r\nX\r\n\r\n"), 400},
    {"TrailerWithControl", chunked("0\r\nX: \a\r\n\r\n"), 400},
    {"TrailersTooLong", chunked("0\r\nX: " + string(5'000, 'x') + "\r\n\r\n"), 400},
};

INSTANTIATE_TEST_SUITE_P(Framing, AMalformedRequest, testing::ValuesIn(kMalformed),
                         [](const auto& test) { return string(test.param.name); });

struct Valid {
  const char* name;
  string bytes;
  string described;  ///< the last request
};

std::ostream& operator<<(std::ostream& out, const Valid& valid) {
  return out << valid.name;
}

class AValidRequest : public testing::TestWithParam<Valid> {};

TEST_P(AValidRequest, IsReadTheSameHoweverItIsCut) {
  const auto& [name, bytes, described] = GetParam();
  const auto outcome = feed_whole(bytes);
  ASSERT_FALSE(outcome.events.empty());
  EXPECT_EQ(outcome.events.back(), "request " + described);
  expect_same_however_cut(bytes);
}

const std::vector<Valid> kValid{
    {"Plain", "GET /a?b=c HTTP/1.1\r\nHost: a:80\r\n\r\n", "GET /a?b=c 1.1 keep [Host: a:80] {}"},
    {"AfterEmptyLines", "\r\n\r\n" + line("GET / HTTP/1.1"), "GET / 1.1 keep [Host: a] {}"},
    {"WithBody", kHead + "content-length: 5\r\n\r\nhello",
     "POST /Echo 1.1 keep [Host: miner] [content-length: 5] {hello}"},
    {"WithEmptyBody", kHead + "Content-Length: 0\r\n\r\n",
     "POST /Echo 1.1 keep [Host: miner] [Content-Length: 0] {}"},
    {"WithLeadingZeros", kHead + "Content-Length: 0005\r\n\r\nhello",
     "POST /Echo 1.1 keep [Host: miner] [Content-Length: 0005] {hello}"},
    {"Chunked", chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
     "POST /Echo 1.1 keep [Host: miner] [Transfer-Encoding: chunked] {hello world}"},
    {"ChunkedInCapitals", kHead + "Transfer-Encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
     "POST /Echo 1.1 keep [Host: miner] [Transfer-Encoding: CHUNKED] {0123456789}"},
    {"ChunkedWithExtensionsAndTrailers",
     chunked("5;a=b;c=\"d\"\r\nhello\r\n1 ;x\r\n!\r\n0;z\r\nHost: evil\r\nContent-Length: "
             "9\r\nX-T: 1\r\n\r\n"),
     "POST /Echo 1.1 keep [Host: miner] [Transfer-Encoding: chunked] {hello!}"},
    {"ChunkedEmpty", chunked("0\r\n\r\n"),
     "POST /Echo 1.1 keep [Host: miner] [Transfer-Encoding: chunked] {}"},
    {"Close", kHead + "Connection: Close\r\n\r\n",
     "POST /Echo 1.1 close [Host: miner] [Connection: Close] {}"},
    {"CloseAmongOthers", kHead + "Connection: te, close\r\nConnection: keep-alive\r\n\r\n",
     "POST /Echo 1.1 close [Host: miner] [Connection: te, close] [Connection: keep-alive] {}"},
    {"Http10", "GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close {}"},
    {"Http10KeepAlive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
     "GET / 1.0 keep [Connection: keep-alive] {}"},
    {"Http10KeepAliveInCapitals", "GET / HTTP/1.0\r\nConnection: KEEP-ALIVE\r\n\r\n",
     "GET / 1.0 keep [Connection: KEEP-ALIVE] {}"},
    {"Http10KeepAliveAndClose", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
     "GET / 1.0 close [Connection: keep-alive, close] {}"},
    {"Http10Expect", "POST / HTTP/1.0\r\nExpect: x\r\nContent-Length: 1\r\n\r\na",
     "POST / 1.0 close [Expect: x] [Content-Length: 1] {a}"},
    {"Expect", kHead + "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na",
     "POST /Echo 1.1 keep expects [Host: miner] [Expect: 100-Continue] [Content-Length: 1] {a}"},
    {"ExpectWithoutBody", kHead + "Expect: 100-continue\r\n\r\n",
     "POST /Echo 1.1 keep [Host: miner] [Expect: 100-continue] {}"},
    {"AbsoluteForm", "GET http://other:8080/a?b HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /a?b 1.1 keep [Host: other:8080] {}"},
    {"AbsoluteFormWithoutPath", "GET HTTP://other?b HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /?b 1.1 keep [Host: other] {}"},
    {"AbsoluteFormBare", "GET https://[::1] HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET / 1.1 keep [Host: [::1]] {}"},
    {"AbsoluteFormWithoutHost", "GET http://other:8080/" + string(200, 'a') + " HTTP/1.0\r\n\r\n",
     "GET /" + string(200, 'a') + " 1.0 close [host: other:8080] {}"},
    {"AbsoluteFormWithNothingElse", "GET http://other?" + string(200, 'a') + " HTTP/1.0\r\n\r\n",
     "GET /?" + string(200, 'a') + " 1.0 close [host: other] {}"},
    {"Asterisk", line("OPTIONS * HTTP/1.1"), "OPTIONS * 1.1 keep [Host: a] {}"},
    {"UnknownMethod", line("BREW /pot HTTP/1.1"), "BREW /pot 1.1 keep [Host: a] {}"},
    {"HostWithEscapes", "GET / HTTP/1.1\r\nHost: %09%a0%fF%AF\r\n\r\n",
     "GET / 1.1 keep [Host: %09%a0%fF%AF] {}"},
    {"HostInBrackets", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
     "GET / 1.1 keep [Host: [::1]:80] {}"},
    {"HostEmpty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / 1.1 keep [Host: ] {}"},
    {"ValueWithBlanks", kHead + "X-A: \t a\tb  \r\n\r\n",
     "POST /Echo 1.1 keep [Host: miner] [X-A: a\tb] {}"},
    {"ValueWithLatin", kHead + "X-A: \xe9\r\n\r\n",
     "POST /Echo 1.1 keep [Host: miner] [X-A: \xe9] {}"},
    {"Pipelined",
     chunked("5\r\nhello\r\n0\r\n\r\n") + "\r\n" + kHead + "Content-Length: 3\r\n\r\nabc" +
         line("GET /last HTTP/1.1"),
     "GET /last 1.1 keep [Host: a] {}"},
};

INSTANTIATE_TEST_SUITE_P(Framing, AValidRequest, testing::ValuesIn(kValid),
                         [](const auto& test) { return string(test.param.name); });

TEST(Framing, TellsPipelinedRequestsOneByOne) {
  const auto events = feed_whole(line("GET /1 HTTP/1.1") + kHead + "Content-Length: 2\r\n\r\nab" +
                                 line("GET /3 HTTP/1.1"))
                          .events;
  ASSERT_EQ(events.size(), 6U);
  EXPECT_EQ(events[2], "head /Echo");
  EXPECT_TRUE(events[3].ends_with("{ab}"));
  EXPECT_EQ(events[4], "head /3");
}

TEST(Framing, ParsesNothingAfterARefusal) {
  Limits limits;
  Framer framer(limits);
  const string bytes = with("Content-Length: +5") + line("GET /smuggled HTTP/1.1");
  std::string_view rest = bytes;
  EXPECT_EQ(framer.next(rest), Framer::Event::refused);
  EXPECT_EQ(framer.next(rest), Framer::Event::refused);
  rest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(framer.next(rest), Framer::Event::refused);
}

TEST(Framing, KeepsNothingOfTheBodyBeforeTheHeadWasTold) {
  Limits limits;
  Framer framer(limits);
  const string bytes = kHead + "Content-Length: 5\r\n\r\nhello";
  std::string_view rest = bytes;
  ASSERT_EQ(framer.next(rest), Framer::Event::head);
  EXPECT_EQ(framer.held(), 0U);
  EXPECT_EQ(rest, "hello");
}

TEST(Framing, DiscardsABodyThatNobodyWants) {
  Limits limits;
  Framer framer(limits);
  const string bytes = kHead + "Content-Length: 5\r\n\r\nhello" + line("GET /next HTTP/1.1");
  std::string_view rest = bytes;
  ASSERT_EQ(framer.next(rest), Framer::Event::head);
  framer.discard_body();
  ASSERT_EQ(framer.next(rest), Framer::Event::request);
  EXPECT_EQ(framer.take_body(), "");
  ASSERT_EQ(framer.next(rest), Framer::Event::head);
  EXPECT_EQ(framer.take_head().target(), "/next");
}

TEST(Framing, HoldsMemoryForWhatCameAndNotForWhatWasAnnounced) {
  Limits limits;
  limits.max_body = std::size_t{64} << 30;
  const string head = kHead + "Content-Length: 20000000000\r\n\r\n";
  const string some(100'000, 'x');
  EXPECT_LE(feed({head, some}, limits).most_held, 2 * some.size());
  const auto chunk = chunked("ffffffff\r\n");
  EXPECT_LE(feed({chunk, some}, limits).most_held, 2 * some.size() + 4'096);
}

TEST(Framing, EndsWithABufferOfTheBodysSizeAndItsSlack) {
  Limits limits;
  const string body(1'000'003, 'x');
  const string bytes = kHead + "Content-Length: 1000003\r\n\r\n" + body;
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += 65'536)
    pieces.push_back(std::string_view(bytes).substr(at, 65'536));
  EXPECT_LE(feed(pieces, limits).most_held, body.size() + kBodySlack);
  Framer framer(limits);
  std::string_view all = bytes;
  while (framer.next(all) != Framer::Event::request) {
  }
  const auto taken = framer.take_body();
  EXPECT_GE(taken.capacity(), body.size() + kBodySlack);
}

TEST(Framing, LimitsTheHeadToTheByte) {
  Limits limits;
  limits.max_head = 200;
  const string before = kHead + "X-A: ";
  const string exact = before + string(200 - before.size() - 4, 'x') + "\r\n\r\n";
  EXPECT_EQ(feed_whole(exact, limits).requests(), 1U);
  expect_same_however_cut(exact, limits);
  const string longer = before + string(200 - before.size() - 3, 'x') + "\r\n\r\n";
  EXPECT_EQ(feed_whole(longer, limits).events.back(), "431 headers too large");
  expect_same_however_cut(longer, limits);
  const string endless = "GET /" + string(300, 'a');
  EXPECT_EQ(feed_whole(endless, limits).events.back(), "414 request line too long");
  expect_same_however_cut(endless, limits);
}

TEST(Framing, LimitsTheTargetToTheByte) {
  Limits limits;
  limits.max_target = 50;
  EXPECT_EQ(feed_whole(line("GET /" + string(49, 'a') + " HTTP/1.1"), limits).requests(), 1U);
  const string longer = line("GET /" + string(50, 'a') + " HTTP/1.1");
  EXPECT_EQ(feed_whole(longer, limits).events.back(), "414 request target too long");
  expect_same_however_cut(longer, limits);
}

TEST(Framing, LimitsTheNumberOfHeaders) {
  Limits limits;
  limits.max_headers = 3;
  EXPECT_EQ(feed_whole(kHead + "A: 1\r\nB: 2\r\n\r\n", limits).requests(), 1U);
  EXPECT_EQ(feed_whole(kHead + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits).events.back(),
            "431 too many headers");
}

TEST(Framing, LimitsAChunkedBodyByTheSumOfItsChunks) {
  Limits limits;
  limits.max_body = 10;
  EXPECT_EQ(feed_whole(chunked("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"), limits).requests(), 1U);
  const string more = chunked("5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n");
  EXPECT_EQ(feed_whole(more, limits).events.back(), "413 body too large");
  expect_same_however_cut(more, limits);
}

TEST(Framing, LimitsTheExtensionsOfAllChunksTogether) {
  string body;
  for (int i = 0; i < 200; ++i) body += "1;" + string(400, 'x') + "\r\na\r\n";
  EXPECT_EQ(feed_whole(chunked(body)).events.back(), "400 too many chunk extensions");
}

TEST(Framing, TakesHeadersAndLongLinesInSmallPieces) {  // bench_framing tells what it costs
  Limits limits;
  limits.max_head = 60'000;
  limits.max_headers = 10'000;
  string bytes = kHead;
  while (bytes.size() < 57'000) bytes += "X-Header-Of-Some-Length: " + string(90, 'v') + "\r\n";
  bytes += "\r\n";
  EXPECT_EQ(feed_in_pieces(bytes, 64, limits).requests(), 1U);
  EXPECT_EQ(feed_in_pieces(kHead + "X: " + string(55'000, 'v') + "\r\n\r\n", 1, limits).requests(),
            1U);
}

TEST(Framing, TakesManyPipelinedRequestsHoweverTheyAreCut) {
  const string one = line("GET / HTTP/1.1");
  string many;
  for (int i = 0; i < 30'000; ++i) many += one;
  EXPECT_EQ(feed_whole(many).requests(), 30'000U);
  EXPECT_EQ(feed_in_pieces(many, 64).requests(), 30'000U);
}

}  // namespace
}  // namespace dojo::net
