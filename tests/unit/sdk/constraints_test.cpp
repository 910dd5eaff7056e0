// What a field asks of its value beside its type.
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <dojo/model.hpp>

#include "holder.hpp"

namespace {

using namespace dojo;

#define ASKING(Name, Type, ...) \
  struct Name {                 \
    using Value = Type;         \
    Value v{};                  \
  };                            \
  DOJO_MODEL(Name, DOJO_FIELD(v, __VA_ARGS__))

bool is_lower(std::string_view text) {
  for (const char c : text) {
    if (c < 'a' || c > 'z') return false;
  }
  return !text.empty();
}

ASKING(Ranged, int, dojo::min(1), dojo::max(100))
ASKING(Open, double, dojo::exclusive_min(0), dojo::exclusive_max(1.5))
ASKING(OpenInteger, int, dojo::exclusive_min(0), dojo::exclusive_max(10))
ASKING(Large, std::uint64_t, dojo::min(std::numeric_limits<std::uint64_t>::max() - 1))
ASKING(Signed, std::int64_t, dojo::max(5u))
ASKING(Single, float, dojo::max(0.3))
ASKING(Sized, std::string, dojo::min_length(2), dojo::max_length(3))
ASKING(Crowd, std::vector<int>, dojo::min_length(1), dojo::max_length(2))
using Counts = std::map<std::string, int>;
ASKING(Members, Counts, dojo::max_length(1))
ASKING(Lower, std::string, dojo::pattern("^[a-z]+$", is_lower))
ASKING(Inline, std::string, dojo::pattern("^x", [](std::string_view t) { return t[0] == 'x'; }))
ASKING(Mode, std::string, dojo::one_of("fast", "best"))
ASKING(Level, int, dojo::one_of(1, 2, 5))
ASKING(Ratio, double, dojo::one_of(0.5, 1.0))
ASKING(Maybe, std::optional<int>, dojo::min(5), dojo::describe("if at all"))
ASKING(Scores, std::vector<double>, dojo::max_length(3), dojo::each(dojo::min(0), dojo::max(1)))
using Triple = std::array<int, 3>;
ASKING(Rgb, Triple, dojo::each(dojo::min(0), dojo::max(255)))
using Names = std::map<std::string, std::vector<std::optional<std::string>>>;
ASKING(Deep, std::optional<Names>, dojo::each(dojo::min_length(1), dojo::each(dojo::max_length(2))))
ASKING(Twice, std::string, dojo::min_length(3), dojo::one_of("abc", "x"))
ASKING(Same, int, dojo::describe("a number"))
ASKING(Nested, std::vector<Ranged>, dojo::max_length(2))

struct Options {
  int plain = 0;
  int given = 7;
  int renamed = 7;
  int all = 7;
};
DOJO_MODEL(Options, DOJO_FIELD(plain), DOJO_FIELD(given, dojo::kDefault),
           DOJO_FIELD(renamed, dojo::named("class"), dojo::max(9)),
           DOJO_FIELD(all, dojo::min(1), dojo::named("whole"), dojo::describe("all of it"),
                      dojo::kDefault, dojo::max(9)))

TEST(Bound, IsIncluded) {
  for (const char* value : {"1", "100", "50", "1.0", "1e2"})
    EXPECT_TRUE(read<Ranged>(value)) << value;
  EXPECT_EQ(why_not<Ranged>(R"({"v":0})"), "v: expected at least 1, got less");
  EXPECT_EQ(why_not<Ranged>(R"({"v":-2147483648})"), "v: expected at least 1, got less");
  EXPECT_EQ(why_not<Ranged>(R"({"v":101})"), "v: expected at most 100, got more");
}

TEST(Bound, MayBeExclusive) {
  for (const char* value : {"1", "0.001", "1.4999"}) EXPECT_TRUE(read<Open>(value)) << value;
  EXPECT_EQ(why_not<Open>(R"({"v":0})"), "v: expected more than 0, got another number");
  EXPECT_EQ(why_not<Open>(R"({"v":1.5})"), "v: expected less than 1.5, got another number");
  EXPECT_FALSE(read<OpenInteger>("0"));
  EXPECT_TRUE(read<OpenInteger>("9"));
  EXPECT_FALSE(read<OpenInteger>("10"));
}

TEST(Bound, IsComparedByValue) {
  EXPECT_TRUE(read<Large>("18446744073709551614"));
  EXPECT_FALSE(read<Large>("18446744073709551613"));
  EXPECT_TRUE(read<Signed>("-1")) << "which is more than 5u, as unsigned";
  EXPECT_FALSE(read<Signed>("6"));
  EXPECT_TRUE(read<Single>("0.3")) << "0.3f is more than 0.3";
  EXPECT_FALSE(read<Single>("0.31"));
}

TEST(Length, OfATextIsInCharacters) {
  for (const char* value :
       {R"("ab")", R"("abc")", R"("\u00e9\u20ac\ud83d\ude00")", R"("\u0000\u0000")"}) {
    EXPECT_TRUE(read<Sized>(value)) << value;
  }
  EXPECT_EQ(why_not<Sized>(R"({"v":"\ud83d\ude00"})"),
            "v: expected at least 2 characters, got fewer");
  EXPECT_EQ(why_not<Sized>(R"({"v":"abcd"})"), "v: expected at most 3 characters, got more");
}

TEST(Length, OfAListOrMapIsInMembers) {
  EXPECT_TRUE(read<Crowd>("[1,2]"));
  EXPECT_EQ(why_not<Crowd>(R"({"v":[]})"), "v: expected at least 1 members, got fewer");
  EXPECT_EQ(why_not<Crowd>(R"({"v":[1,2,3]})"), "v: expected at most 2 members, got more");
  EXPECT_TRUE(read<Members>(R"({"a":1,"a":2})"));
  EXPECT_EQ(why_not<Members>(R"({"v":{"a":1,"b":2}})"), "v: expected at most 1 members, got more");
}

TEST(Pattern, IsWhatItsFunctionSays) {
  EXPECT_TRUE(read<Lower>(R"("abc")"));
  for (const char* value : {R"("aBc")", R"("")", R"("\u00e9")"}) {
    EXPECT_EQ(why_not<Lower>(valued<Lower>(value)),
              "v: expected string that matches ^[a-z]+$, got another");
  }
  EXPECT_TRUE(read<Inline>(R"("xy")"));
  EXPECT_FALSE(read<Inline>(R"("y")"));
}

TEST(OneOf, IsATextOrANumber) {
  EXPECT_TRUE(read<Mode>(R"("best")"));
  EXPECT_EQ(why_not<Mode>(R"({"v":"secret"})"),
            R"(v: expected one of "fast" "best", got another string)");
  EXPECT_TRUE(read<Level>("5.0"));
  EXPECT_EQ(why_not<Level>(R"({"v":3})"), "v: expected one of 1 2 5, got another number");
  EXPECT_TRUE(read<Ratio>("1"));
  EXPECT_EQ(why_not<Ratio>(R"({"v":0.25})"), "v: expected one of 0.5 1.0, got another number");
}

TEST(Constraint, OfAnOptionalIsItsValues) {
  EXPECT_TRUE(from_json<Maybe>("{}"));
  EXPECT_TRUE(read<Maybe>("null"));
  EXPECT_TRUE(read<Maybe>("5"));
  EXPECT_EQ(why_not<Maybe>(R"({"v":4})"), "v: expected at least 5, got less");
}

TEST(Constraint, OfEachElementNamesIt) {
  EXPECT_TRUE(read<Scores>("[0,1,0.5]"));
  EXPECT_EQ(why_not<Scores>(R"({"v":[0,2,"x",-1]})"),
            "v[1]: expected at most 1, got more; v[2]: expected number, got string; "
            "v[3]: expected at least 0, got less");
  EXPECT_EQ(why_not<Scores>(R"({"v":[0,0,0,0]})"), "v: expected at most 3 members, got more");
  EXPECT_EQ(why_not<Rgb>(R"({"v":[0,256,255]})"), "v[1]: expected at most 255, got more");
  EXPECT_TRUE(read<Deep>(R"({"a":["ab",null]})"));
  EXPECT_EQ(why_not<Deep>(R"({"v":{"a":["abc"],"b":[]}})"),
            "v[\"a\"][0]: expected at most 2 characters, got more; "
            "v[\"b\"]: expected at least 1 members, got fewer");
}

TEST(Constraint, OfSeveralEachIsTold) {
  EXPECT_EQ(why_not<Twice>(R"({"v":"y"})"),
            "v: expected at least 3 characters, got fewer; "
            "v: expected one of \"abc\" \"x\", got another string");
  EXPECT_EQ(why_not<Nested>(R"({"v":[{"v":0},{"v":1},{"v":101}]})"),
            "v[0].v: expected at least 1, got less; v[2].v: expected at most 100, got more");
  EXPECT_EQ(why_not<Nested>(R"({"v":[{"v":1},{"v":1},{"v":1}]})"),
            "v: expected at most 2 members, got more");
}

TEST(Constraint, OfAValueThatIsMendedCountsForNothing) {
  EXPECT_TRUE(from_json<Ranged>(R"({"v":0,"v":1})"));
  EXPECT_EQ(why_not<Ranged>(R"({"v":1,"v":0})"), "v: expected at least 1, got less");
}

TEST(Constraint, IsNotAskedOfWhatIsWritten) {
  EXPECT_EQ(written<Ranged>(0), R"({"v":0})");
  EXPECT_EQ(written<Mode>(""), R"({"v":""})");
}

TEST(Constraint, EchoesNoValues) {
  EXPECT_THAT(why_not<Ranged>(R"({"v":31337})"), testing::Not(testing::HasSubstr("31337")));
  EXPECT_THAT(why_not<Lower>(R"({"v":"SECRET"})"), testing::Not(testing::HasSubstr("SECRET")));
}

TEST(FieldOption, MayBeGivenInAnyOrder) {
  const auto options = from_json<Options>(R"({"plain":1,"class":2})");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->given, 7);
  EXPECT_EQ(*to_json(*options), R"({"plain":1,"given":7,"class":2,"whole":7})");
  EXPECT_EQ(why_not<Options>(R"({"whole":0,"class":10})"),
            "whole: expected at least 1, got less; class: expected at most 9, got more; "
            "plain: required field is missing");
}

template <class T>
std::string field_schema() {
  const auto text = json_schema<T>();
  const auto from = text.find(R"("v":)") + 4;
  return text.substr(from, text.find(R"(},"required")") - from);
}

TEST(Constraint, IsShownInTheSchema) {
  EXPECT_EQ(field_schema<Ranged>(), R"({"type":"integer","minimum":1,"maximum":100})");
  EXPECT_EQ(field_schema<Open>(),
            R"({"type":"number","exclusiveMinimum":0.0,"exclusiveMaximum":1.5})");
  EXPECT_EQ(field_schema<Signed>(),
            R"({"type":"integer","minimum":-9223372036854775808,"maximum":5})");
  EXPECT_EQ(field_schema<Sized>(), R"({"type":"string","minLength":2,"maxLength":3})");
  EXPECT_EQ(field_schema<Members>(),
            R"({"type":"object","additionalProperties":{"type":"integer","minimum":-2147483648,)"
            R"("maximum":2147483647},"maxProperties":1})");
  EXPECT_EQ(field_schema<Lower>(), R"({"type":"string","pattern":"^[a-z]+$"})");
  EXPECT_EQ(field_schema<Mode>(), R"({"type":"string","enum":["fast","best"]})");
  EXPECT_EQ(field_schema<Ratio>(), R"({"type":"number","enum":[0.5,1.0]})");
  EXPECT_EQ(field_schema<Maybe>(),
            R"({"anyOf":[{"type":"integer","maximum":2147483647,"minimum":5},{"type":"null"}],)"
            R"("description":"if at all"})");
  EXPECT_EQ(
      field_schema<Scores>(),
      R"({"type":"array","items":{"type":"number","minimum":0.0,"maximum":1.0},"maxItems":3})");
  EXPECT_EQ(field_schema<Rgb>(),
            R"({"type":"array","items":{"type":"integer","minimum":0,"maximum":255},)"
            R"("minItems":3,"maxItems":3})");
  EXPECT_EQ(
      field_schema<Deep>(),
      R"({"anyOf":[{"type":"object","additionalProperties":{"type":"array","items":{"anyOf":)"
      R"([{"type":"string","maxLength":2},{"type":"null"}]},"minItems":1}},{"type":"null"}]})");
  EXPECT_EQ(field_schema<Nested>(),
            R"({"type":"array","items":{"$ref":"#/$defs/Ranged"},"maxItems":2})");
}

}  // namespace
