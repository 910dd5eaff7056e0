#include "request/answer.hpp"

#include <gtest/gtest.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/envelope.hpp>

#include "host/support.hpp"

namespace dojo::request {
namespace {

std::string header_of(const net::Response& response, std::string_view name) {
  return test::header_of(test::answer_of(response), name);
}

TEST(AcceptsZstd, ReadsTheHeaderAsHttpDoes) {
  for (const char* text : {"zstd", "ZSTD", "gzip, zstd", "gzip;q=1.0,\tzstd ; q=0.5", "zstd;q=1",
                           "zstd;x=0", "zstd;q=0.001", "zstd,", ", zstd"}) {
    EXPECT_TRUE(accepts_zstd(text)) << text;
  }
  for (const char* text : {"", "gzip", "zstd;q=0", "zstd; q=0.0", "zstd;Q=0.000", "zstdx", "xzstd",
                           "*", "identity", "zstd ;q = 0", ";;;", ",,,"}) {
    EXPECT_FALSE(accepts_zstd(text)) << text;
  }
}

TEST(Answer, IsAnEnvelopeWithItsHeaders) {
  const auto answer =
      make_answer({.request_id = "id"}, 200, Code::ok, R"({"a":1})", {}, R"({"k":2})");
  EXPECT_EQ(answer.body, R"({"body":{"a":1},"error":null,"metadata":{"k":2}})");
  EXPECT_EQ(header_of(answer, "content-type"), "application/json");
  EXPECT_EQ(header_of(answer, "x-dojo-code"), "ok");
  EXPECT_EQ(header_of(answer, "x-request-id"), "id");
  EXPECT_EQ(header_of(answer, "content-encoding"), "");
}

TEST(Answer, IsCompressedWhereThatIsAccepted) {
  const auto answer =
      make_answer({.request_id = {}, .accepts_zstd = true}, 200, Code::ok, {}, {}, {});
  EXPECT_EQ(header_of(answer, "content-encoding"), "zstd");
  EXPECT_EQ(*wire::decompress(answer.body), R"({"body":{},"error":null,"metadata":{}})");
}

TEST(Answer, ToHeadHasNoBody) {
  const auto answer = make_answer({.request_id = {}, .accepts_zstd = true, .head_only = true}, 200,
                                  Code::ok, {}, {}, {});
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(header_of(answer, "content-encoding"), "");
  EXPECT_EQ(header_of(answer, "x-dojo-code"), "ok");
}

TEST(Refusal, IsAnEnvelopeWithAnError) {
  const auto answer =
      make_answer({}, Refusal{Code::quota, "slow \"down\"", "why", {}, std::chrono::seconds(7)});
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(header_of(answer, "retry-after"), "7");
  EXPECT_EQ(answer.body, R"({"body":{},"error":"slow \"down\"","metadata":{}})");
}

TEST(Refusal, MayNameItsStatusAndMethods) {
  const auto answer = make_answer({}, Refusal{Code::not_found, "no", {}, 405, {}, "POST, HEAD"});
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(header_of(answer, "allow"), "POST, HEAD");
}

TEST(HttpStatus, IsThatOfTheStatusTable) {
  for (const auto& [code, status] : {std::pair{Code::ok, 200},
                                     {Code::blacklisted, 200},
                                     {Code::internal, 200},
                                     {Code::no_signature, 400},
                                     {Code::malformed, 400},
                                     {Code::invalid_body, 400},
                                     {Code::bad_signature, 403},
                                     {Code::stale, 403},
                                     {Code::replayed, 403},
                                     {Code::wrong_receiver, 403},
                                     {Code::no_session, 403},
                                     {Code::not_found, 404},
                                     {Code::too_large, 413},
                                     {Code::quota, 429},
                                     {Code::overloaded, 503},
                                     {Code::draining, 503},
                                     {Code::deadline, 504}}) {
    EXPECT_EQ(http_status(Style::envelope, code), status) << to_string(code);
  }
}

TEST(HttpStatus, IsAnotherWithoutAnEnvelope) {
  for (const auto& [code, status] : {std::pair{Code::ok, 200},
                                     {Code::handler, 400},
                                     {Code::no_signature, 401},
                                     {Code::malformed, 401},
                                     {Code::bad_signature, 401},
                                     {Code::stale, 401},
                                     {Code::replayed, 401},
                                     {Code::wrong_receiver, 401},
                                     {Code::no_session, 401},
                                     {Code::blacklisted, 403},
                                     {Code::not_found, 404},
                                     {Code::too_large, 413},
                                     {Code::invalid_body, 422},
                                     {Code::quota, 429},
                                     {Code::internal, 500},
                                     {Code::overloaded, 503},
                                     {Code::draining, 503},
                                     {Code::deadline, 504}}) {
    EXPECT_EQ(http_status(Style::bare, code), status) << to_string(code);
  }
}

TEST(BareAnswer, IsTheBodyItself) {
  const auto answer = make_answer({.request_id = "id", .style = Style::bare}, 200, Code::ok,
                                  R"({"a":1})", {}, R"({"k":2})");
  EXPECT_EQ(answer.body, R"({"a":1})");
  EXPECT_EQ(header_of(answer, "content-type"), "application/json");
  EXPECT_EQ(header_of(answer, "x-dojo-code"), "ok");
  EXPECT_EQ(header_of(answer, "x-request-id"), "id");
  EXPECT_EQ(make_answer({.request_id = {}, .style = Style::bare}, 200, Code::ok, {}, {}, {}).body,
            "{}");
}

TEST(BareAnswer, IsCompressedAndLeftOutAsOthersAre) {
  const auto small = make_answer({.request_id = {}, .style = Style::bare, .accepts_zstd = true},
                                 200, Code::ok, R"({"a":1})", {}, {});
  EXPECT_EQ(header_of(small, "content-encoding"), "zstd");
  EXPECT_EQ(*wire::decompress(small.body), R"({"a":1})");
  EXPECT_EQ(make_answer({.request_id = {}, .style = Style::bare, .head_only = true}, 200, Code::ok,
                        {}, {}, {})
                .body,
            "");
}

TEST(BareRefusal, HasTheErrorAlone) {
  const auto answer =
      make_answer({.request_id = "id", .style = Style::bare},
                  Refusal{Code::quota, "slow \"down\"", "why", {}, std::chrono::seconds(7)});
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(header_of(answer, "retry-after"), "7");
  EXPECT_EQ(answer.body,
            R"({"error":{"code":"quota","message":"slow \"down\"","request_id":"id"}})");
}

TEST(BareRefusal, MayNameItsStatusAndMethods) {
  const auto answer = make_answer({.request_id = {}, .style = Style::bare},
                                  Refusal{Code::not_found, "no", {}, 405, {}, "POST, HEAD"});
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(header_of(answer, "allow"), "POST, HEAD");
}

TEST(Fields, OfARawAnswerAreLinesWithANameAndAValue) {
  for (const char* good : {"", "a: b\r\n", "a: b\r\nA-b:\r\n", "a:b", "a:\tb \r\n"})
    EXPECT_FALSE(check_fields(good)) << good;
  for (const char* bad :
       {"\r\n", "a\r\n", "a b: c\r\n", ": b\r\n", "a: b\rc\r\n", "a: b\r\n\r\nc: d\r\n"})
    EXPECT_TRUE(check_fields(bad)) << bad;
}

}  // namespace
}  // namespace dojo::request
