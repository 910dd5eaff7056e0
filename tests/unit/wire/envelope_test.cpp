#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/envelope.hpp>

namespace dojo::wire {
namespace {

/// The error text after it has been written and read again.
std::string arrives(std::string_view text) {
  const auto envelope = parse_envelope(format_envelope({}, text));
  return envelope && envelope->error ? *envelope->error : "(lost)";
}

TEST(Envelope, IsWrittenAroundItsParts) {
  EXPECT_EQ(format_envelope(R"({"a":1})", std::nullopt, R"({"k":"v"})"),
            R"({"body":{"a":1},"error":null,"metadata":{"k":"v"}})");
}

TEST(Envelope, HasEmptyObjectsForWhatIsMissing) {
  EXPECT_EQ(format_envelope({}), R"({"body":{},"error":null,"metadata":{}})");
  EXPECT_EQ(format_envelope({}, "no"), R"({"body":{},"error":"no","metadata":{}})");
  EXPECT_EQ(format_envelope({}, ""), R"({"body":{},"error":"","metadata":{}})");
}

TEST(Envelope, EscapesItsError) {
  EXPECT_EQ(format_envelope({}, "\"\\\n\t\x01\x7f/"),
            "{\"body\":{},\"error\":\"\\\"\\\\\\u000a\\u0009\\u0001\x7f/\",\"metadata\":{}}");
  EXPECT_EQ(arrives("\"\\\n\t\x01\x7f/"), "\"\\\n\t\x01\x7f/");
  EXPECT_EQ(arrives(std::string_view("a\0b", 3)), std::string("a\0b", 3));
  EXPECT_EQ(arrives("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
            "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(Envelope, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(arrives("a\xff"
                    "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(arrives("\x80"), "\xef\xbf\xbd");
  EXPECT_EQ(arrives("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
  EXPECT_EQ(arrives("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
  EXPECT_EQ(arrives("\xf4\x90\x80\x80").size(), 12u);                          // beyond U+10FFFF
}

TEST(Envelope, ReplacesACharacterThatIsCutOff) {
  for (const std::string_view character : {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    for (std::size_t size = 1; size < character.size(); ++size) {
      const auto text = arrives("x" + std::string(character.substr(0, size)));
      EXPECT_TRUE(text.starts_with("x\xef\xbf\xbd")) << size;
    }
  }
}

TEST(Envelope, IsReadBack) {
  const auto envelope =
      parse_envelope(R"({"body":{"a": [1, 2]},"error":null,"metadata":{"k":"v"}})");
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->body.text, R"({"a": [1, 2]})");
  EXPECT_EQ(envelope->error, std::nullopt);
  EXPECT_EQ(envelope->metadata.text, R"({"k":"v"})");
}

TEST(Envelope, TakesDefaultsForWhatIsMissingOrNull) {
  for (const char* text : {R"({"body":{}})", R"({"body":null,"metadata":null,"error":null})",
                           R"({"other":1,"body":null})"}) {
    const auto envelope = parse_envelope(text);
    ASSERT_TRUE(envelope) << text;
    EXPECT_EQ(envelope->body.text, "{}");
    EXPECT_EQ(envelope->metadata.text, "{}");
    EXPECT_EQ(envelope->error, std::nullopt);
  }
}

TEST(Envelope, HasABodyOrAnError) {
  for (const char* text : {"{}", R"({"other":1})", R"({"error":null,"metadata":{}})"}) {
    const auto envelope = parse_envelope(text);
    ASSERT_FALSE(envelope) << text;
    EXPECT_EQ(envelope.error().code, Code::invalid_body);
  }
  const auto refused = parse_envelope(R"({"error":"no"})");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->body.text, "{}");
}

TEST(Envelope, HasObjectsForBodyAndMetadata) {
  for (const char* value : {"[1]", "1", "\"x\"", "true"}) {
    const auto body = parse_envelope(std::string(R"({"body":)") + value + "}");
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().message, "body: expected object");
    EXPECT_EQ(body.error().code, Code::invalid_body);
    const auto metadata = parse_envelope(std::string(R"({"body":{},"metadata":)") + value + "}");
    ASSERT_FALSE(metadata);
    EXPECT_EQ(metadata.error().message, "metadata: expected object");
  }
}

TEST(Envelope, RefusesWhatIsNone) {
  for (const char* text : {"", "[]", "null", "{", R"({"body":{})", R"({"error":1})",
                           R"({"body":{]}})", "{}{}", R"({"body":{"a":}})", "<html>502</html>"}) {
    const auto envelope = parse_envelope(text);
    ASSERT_FALSE(envelope) << text;
    EXPECT_EQ(envelope.error().code, Code::invalid_body);
  }
}

TEST(Envelope, TakesTheLastOfTwoBodies) {
  EXPECT_EQ(parse_envelope(R"({"body":{"a":1},"body":{"b":2}})")->body.text, R"({"b":2})");
}

TEST(BareError, IsReadAsItWasWritten) {
  const auto json = format_error({"stale", "a \"b\"\n", "id"});
  EXPECT_EQ(json, R"({"error":{"code":"stale","message":"a \"b\"\u000a","request_id":"id"}})");
  const auto error = parse_error(json);
  ASSERT_TRUE(error) << error.error().message;
  EXPECT_EQ(error->code, "stale");
  EXPECT_EQ(error->message, "a \"b\"\n");
  EXPECT_EQ(error->request_id, "id");
}

TEST(BareError, ArrivesWhateverItsText) {
  EXPECT_EQ(parse_error(format_error({"handler", "a\xff", {}}))->message, "a\xef\xbf\xbd");
}

TEST(BareError, MayBeFastApis) {
  EXPECT_EQ(parse_error(R"({"detail":"no \"such\" thing"})")->message, R"(no "such" thing)");
  EXPECT_EQ(parse_error(R"({"detail":[{"loc":["body"]}]})")->message, R"([{"loc":["body"]}])");
  EXPECT_EQ(parse_error(R"({"detail":{"a":1},"more":2})")->message, R"({"a":1})");
}

TEST(BareError, RefusesWhatIsNone) {
  for (const char* text : {"", "{}", "[]", "null", R"({"error":"text"})",
                           R"({"error":{"code":"x"}})", R"({"message":"m"})", "<html>502</html>"}) {
    const auto error = parse_error(text);
    ASSERT_FALSE(error) << text;
    EXPECT_EQ(error.error().code, Code::invalid_body);
  }
}

}  // namespace
}  // namespace dojo::wire
