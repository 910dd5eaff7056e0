// What a field may be beside numbers, texts, lists and models: see model_test.cpp for these.
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <dojo/model.hpp>

#include "colour.hpp"
#include "holder.hpp"
#include "where.hpp"

namespace {

using namespace dojo;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

template <class T>
std::string again(const std::string& value) {
  const auto model = from_json<T>(valued<T>(value));
  if (!model) return model.error().message;
  const auto text = *to_json(*model);
  return text.substr(5, text.size() - 6);
}

rapidjson::Document schema_of_field(const std::string& text) {
  auto schema = schema_of(text);
  rapidjson::Document field;
  field.CopyFrom(schema["properties"]["v"], field.GetAllocator());
  return field;
}

// ---- types of an author's own

HOLDER(Painted, Colour)
HOLDER(Palette, std::map<std::string, std::vector<std::optional<Colour>>>)
HOLDER(Tint, std::variant<int, Colour, bool>)

TEST(OwnType, IsReadWrittenAndDescribed) {
  EXPECT_EQ(read<Painted>(R"("#ff8800")")->rgb, 0xFF8800u);
  EXPECT_EQ(written<Painted>({0x00000A}), R"({"v":"#00000a"})");
  EXPECT_EQ(again<Palette>(R"({"a":["#000000",null]})"), R"({"a":["#000000",null]})");
  EXPECT_STREQ(schema_of_field(json_schema<Painted>())["format"].GetString(), "color");
}

TEST(OwnType, SaysWhatIsWrongWhereItIs) {
  EXPECT_EQ(why_not<Painted>(R"({"v":1})"), "v: expected colour, got number");
  EXPECT_EQ(why_not<Palette>(R"({"v":{"a":["#00000",null,{}]}})"),
            "v[\"a\"][0]: expected colour such as #ff8800, got another string; "
            "v[\"a\"][2]: expected colour, got object");
  EXPECT_EQ(to_json(Painted{{0x1000000}}).error().message, "v: colour of more than 24 bits");
}

TEST(OwnType, IsAnAlternative) {
  EXPECT_EQ(read<Tint>(R"("#000001")")->index(), 1u);
  EXPECT_EQ(why_not<Tint>(R"({"v":"red"})"),
            "v: expected colour such as #ff8800, got another string");
  EXPECT_EQ(why_not<Tint>(R"({"v":[]})"), "v: expected boolean or number or string, got array");
}

TEST(OwnType, IsShownInTheDocumentation) {
  const auto text_of = [](const std::string& path) {
    std::ifstream file(std::string(test::where::kData) + path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const auto example = text_of("/sdk/colour.hpp");
  ASSERT_NE(example, "");
  EXPECT_THAT(text_of("/../../docs/plugins.md"), HasSubstr("```cpp\n" + example + "```\n"));
}

struct Mute {};
}  // namespace
/// Says nothing of what is wrong.
template <>
struct dojo::Json<Mute> {
  static bool read(JsonReader&, Mute&, Fault&) { return false; }
  static bool write(JsonWriter& out, const Mute&, Fault&) {
    out.null();
    return true;
  }
};
namespace {
HOLDER(Mutes, std::vector<Mute>)
HOLDER(MuteOnes, std::map<std::string, Mute>)

TEST(OwnType, ThatSaysNothingIsRefusedAllTheSame) {
  EXPECT_EQ(why_not<Mutes>(R"({"v":[1]})"), "v[0]: cannot be read");
  EXPECT_EQ(why_not<MuteOnes>(R"({"v":{"a":[1,{}]}})"), "v[\"a\"]: cannot be read");
}

// ---- arrays of a length, tuples, pairs

HOLDER(Triple, std::array<int, 3>)
HOLDER(Flags, std::array<bool, 2>)
HOLDER(Nothing, std::array<int, 0>)
HOLDER(Row, std::tuple<int, std::string, std::optional<bool>>)
HOLDER(Bare, std::tuple<>)
HOLDER(Pairs, std::vector<std::pair<std::string, double>>)

TEST(Array, HasItsLength) {
  EXPECT_EQ(read<Triple>("[1,2,3]"), (std::array{1, 2, 3}));
  EXPECT_EQ(written<Triple>({1, 2, 3}), R"({"v":[1,2,3]})");
  EXPECT_EQ(again<Flags>("[true,false]"), "[true,false]");
  EXPECT_EQ(again<Nothing>("[]"), "[]");
  EXPECT_EQ(why_not<Triple>(R"({"v":[1,2]})"), "v: has fewer than 3 members");
  EXPECT_EQ(why_not<Triple>(R"({"v":[]})"), "v: has fewer than 3 members");
  EXPECT_EQ(why_not<Triple>(R"({"v":[1,2,3,"x"]})"), "v: has more than 3 members");
  EXPECT_EQ(why_not<Nothing>(R"({"v":[1]})"), "v: has more than 0 members");
  EXPECT_EQ(why_not<Triple>(R"({"v":{}})"), "v: expected array, got object");
}

TEST(Array, SaysAllThatIsWrong) {
  EXPECT_THAT(why_not<Triple>(R"({"v":["x",true]})"),
              testing::AllOf(StartsWith("v[0]: expected integer"),
                             HasSubstr("got string; v[1]: expected integer"),
                             HasSubstr("got boolean; v: has fewer than 3 members")));
}

TEST(Tuple, HasAMemberOfEachType) {
  EXPECT_EQ(read<Row>(R"([1,"x",null])"), std::tuple(1, "x", std::nullopt));
  EXPECT_EQ(again<Row>(R"([1,"x",true])"), R"([1,"x",true])");
  EXPECT_EQ(again<Bare>("[]"), "[]");
  EXPECT_EQ(why_not<Row>(R"({"v":[1,2,3]})"),
            "v[1]: expected string, got number; v[2]: expected boolean, got number");
  EXPECT_EQ(why_not<Row>(R"({"v":[1,"x"]})"), "v: has fewer than 3 members");
  EXPECT_EQ(why_not<Bare>(R"({"v":[1]})"), "v: has more than 0 members");
}

TEST(Pair, IsATuple) {
  EXPECT_EQ(again<Pairs>(R"([["a",1],["b",0.5]])"), R"([["a",1.0],["b",0.5]])");
  EXPECT_EQ(why_not<Pairs>(R"({"v":[["a",1],["b"],[1,1]]})"),
            "v[1]: has fewer than 2 members; v[2][0]: expected string, got number");
  EXPECT_EQ(to_json(Pairs{{{"a", std::nan("")}}}).error().message,
            "v[0][1]: NaN and infinity cannot be written as JSON");
}

TEST(Array, IsDescribed) {
  const auto triple = schema_of_field(json_schema<Triple>());
  EXPECT_STREQ(triple["items"]["type"].GetString(), "integer");
  EXPECT_EQ(triple["minItems"].GetInt(), 3);
  EXPECT_EQ(triple["maxItems"].GetInt(), 3);
  const auto row = schema_of_field(json_schema<Row>());
  EXPECT_STREQ(row["prefixItems"][1]["type"].GetString(), "string");
  EXPECT_EQ(row["prefixItems"].Size(), 3u);
  EXPECT_EQ(row["maxItems"].GetInt(), 3);
  EXPECT_FALSE(schema_of_field(json_schema<Bare>()).HasMember("prefixItems"))
      << "which is not empty";
}

// ---- bytes

HOLDER(Blob, Bytes)

Bytes bytes_of(std::string_view text) {
  Bytes bytes;
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

TEST(Bytes, AreBase64) {
  // RFC 4648, section 10.
  for (const auto& [bytes, text] :
       std::initializer_list<std::pair<const char*, const char*>>{{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"},
                                                                  {"\xfb\xff\xfe", "+//+"}}) {
    const auto json = '"' + std::string(text) + '"';
    EXPECT_EQ(read<Blob>(json), bytes_of(bytes)) << text;
    EXPECT_EQ(written<Blob>(bytes_of(bytes)), valued<Blob>(json));
  }
}

TEST(Bytes, OfEveryValueComeBack) {
  Blob model;
  for (int i = 0; i < 1'000; ++i) {
    const auto text = *to_json(model);
    EXPECT_EQ(from_json<Blob>(text)->v, model.v) << i;
    model.v.push_back(static_cast<std::byte>(i * 7 + i / 256));
  }
}

TEST(Bytes, MayHaveTheLineFeedsOfPython) {
  EXPECT_EQ(read<Blob>(R"("Zm9v\nYmFy\n")"), bytes_of("foobar"));
  EXPECT_EQ(read<Blob>(R"("Zg==\n")"), bytes_of("f"));
  for (const char* text :
       {R"("\nZg==")", R"("Zm\n9v")", R"("Zg=\n=")", R"("Zm9v\r\n")", R"("\n")"}) {
    EXPECT_EQ(read<Blob>(text), std::nullopt) << text;
  }
}

TEST(Bytes, AreReadStrictly) {
  for (const char* text : {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9vZg==Zm9v",
                           "Z g=", "Zh==", "Zm9=", "-_8=", "Zm9v=", "=", "Zm9\xc3\xa9", "Z=g="}) {
    EXPECT_EQ(why_not<Blob>(valued<Blob>('"' + std::string(text) + '"')),
              "v: expected string of base64, got another string")
        << text;
  }
  EXPECT_EQ(why_not<Blob>(R"({"v":[1]})"), "v: expected string of base64, got array");
}

TEST(Bytes, AreDescribed) {
  EXPECT_STREQ(schema_of_field(json_schema<Blob>())["contentEncoding"].GetString(), "base64");
}

// ---- durations and times

HOLDER(Seconds, std::chrono::seconds)
HOLDER(Millis, std::chrono::milliseconds)
HOLDER(Nanos, std::chrono::nanoseconds)
HOLDER(Days, std::chrono::days)
HOLDER(Short, std::chrono::duration<std::int8_t>)
HOLDER(Unsigned, std::chrono::duration<std::uint32_t, std::milli>)
HOLDER(Real, std::chrono::duration<double>)
HOLDER(RealMinutes, std::chrono::duration<double, std::ratio<60>>)
HOLDER(When, std::chrono::sys_time<std::chrono::nanoseconds>)
HOLDER(WhenMicros, std::chrono::sys_time<std::chrono::microseconds>)
HOLDER(WhenSeconds, std::chrono::sys_seconds)
HOLDER(Date, std::chrono::sys_days)

TEST(Duration, IsWrittenAsPydanticDoes) {
  for (const auto& [value, text] :
       std::initializer_list<std::pair<std::chrono::nanoseconds, const char*>>{
           {0s, "PT0S"},
           {1500ms, "PT1.5S"},
           {-1500ms, "-PT1.5S"},
           {259'201s, "P3DT1S"},
           {1h, "PT1H"},
           {1us, "PT0.000001S"},
           {1ns, "PT0.000000001S"},
           {24h * 400, "P1Y35D"},
           {-(24h * 400 + 12h), "-P1Y35DT12H"},
           {61s, "PT1M1S"},
           {60s + 500ms, "PT1M0.5S"}}) {
    EXPECT_EQ(written<Nanos>(value), valued<Nanos>('"' + std::string(text) + '"'));
    EXPECT_EQ(read<Nanos>('"' + std::string(text) + '"'), value);
  }
}

TEST(Duration, IsReadAsPydanticDoes) {
  for (const auto& [text, value] :
       std::initializer_list<std::pair<const char*, std::chrono::nanoseconds>>{
           {"\"P1Y2M3DT4H5M6.5S\"", 24h * (365 + 60 + 3) + 4h + 5min + 6500ms},
           {"\"P1W\"", 24h * 7},
           {"\"P1W1D\"", 24h * 8},
           {"\"+PT1S\"", 1s},
           {"\"PT1.5H\"", 90min},
           {"\"P1.5D\"", 36h},
           {"\"PT1,5S\"", 1500ms},
           {"\"PT36H\"", 36h},
           {"\"PT0.500000000000S\"", 500ms},
           {"1", 1s},
           {"1.5", 1500ms},
           {"-0.25", -250ms},
           {"1e3", 1000s},
           {"1e-9", 1ns},
           {"0.1", 100ms}}) {
    EXPECT_EQ(read<Nanos>(text), value) << text;
  }
}

TEST(Duration, OfAnotherFormIsRefused) {
  for (const char* text : {"",
                           "P",
                           "PT",
                           "P1DT",
                           "1S",
                           "PT1",
                           "pt1s",
                           "PT1s",
                           "PT.5S",
                           "PT1.S",
                           "P1H",
                           "PT1D",
                           "PT1S1M",
                           "PT1H1H",
                           " PT1S",
                           "PT1S ",
                           "P-1D",
                           "--PT1S",
                           "1 day",
                           "01:02:03",
                           "PTS",
                           "P1D1H",
                           "PT1TS",
                           "PT99999999999999999999S",
                           "P999999999999999999Y"}) {
    EXPECT_EQ(read<Nanos>('"' + std::string(text) + '"'), std::nullopt) << text;
  }
  EXPECT_EQ(why_not<Millis>(R"({"v":"x"})"),
            "v: expected duration such as PT1.5S, in steps of 1/1000 s, got another string");
  EXPECT_EQ(why_not<Days>(R"({"v":true})"),
            "v: expected duration such as PT1.5S, in steps of 86400 s, got boolean");
}

TEST(Duration, IsNeverRoundedOrCut) {
  EXPECT_EQ(read<Seconds>("\"PT1.5S\""), std::nullopt);
  EXPECT_EQ(read<Seconds>("1.5"), std::nullopt);
  EXPECT_EQ(read<Millis>("\"PT0.0001S\""), std::nullopt);
  EXPECT_EQ(read<Nanos>("\"PT0.0000000001S\""), std::nullopt);
  EXPECT_EQ(read<Nanos>("1e-10"), std::nullopt);
  EXPECT_EQ(read<Days>("\"PT25H\""), std::nullopt);
  EXPECT_EQ(read<Days>("\"PT48H\""), std::chrono::days(2));
  EXPECT_EQ(why_not<Seconds>(R"({"v":1.5})"),
            "v: expected duration such as PT1.5S, in steps of 1 s, got another number");
}

TEST(Duration, BeyondItsTypeIsRefused) {
  EXPECT_EQ(read<Short>("127"), Short::Value(127));
  EXPECT_EQ(read<Short>("128"), std::nullopt);
  EXPECT_EQ(read<Short>("-128"), Short::Value(-128));
  EXPECT_EQ(read<Short>("-129"), std::nullopt);
  EXPECT_EQ(read<Unsigned>("-1"), std::nullopt);
  EXPECT_EQ(read<Unsigned>("4294967.295"), Unsigned::Value(4'294'967'295));
  EXPECT_EQ(read<Unsigned>("4294967.296"), std::nullopt);
  for (const auto value : {std::chrono::nanoseconds::min(), std::chrono::nanoseconds::max()}) {
    EXPECT_EQ(from_json<Nanos>(*to_json(Nanos{value}))->v, value);
  }
  for (const auto value : {std::chrono::seconds::min(), std::chrono::seconds::max()}) {
    EXPECT_EQ(from_json<Seconds>(*to_json(Seconds{value}))->v, value);
  }
  EXPECT_EQ(read<Nanos>("9223372036.854775807"), std::chrono::nanoseconds::max());
  EXPECT_EQ(read<Nanos>("9223372036.854775808"), std::nullopt);
  EXPECT_EQ(read<Seconds>("9223372036854775807"), std::chrono::seconds::max());
  EXPECT_EQ(read<Seconds>("9223372036854775808"), std::nullopt);
}

TEST(Duration, MayBeFloating) {
  EXPECT_EQ(read<Real>("0.30000000000000004")->count(), 0.1 + 0.2);
  EXPECT_EQ(read<Real>("\"-PT1.1S\"")->count(), -1.1);
  EXPECT_EQ(read<RealMinutes>("\"PT90S\"")->count(), 1.5);
  EXPECT_EQ(written<Real>(Real::Value(-1.1)), R"({"v":"-PT1.1S"})");
  EXPECT_EQ(written<Real>(Real::Value(0.9999999999)), R"({"v":"PT1S"})");
  EXPECT_EQ(written<RealMinutes>(RealMinutes::Value(1.5)), R"({"v":"PT1M30S"})");
  for (const double value : {1e300, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(written<Real>(Real::Value(value)), "v: duration too long to be written");
  }
}

TEST(Time, IsWrittenAsPydanticDoes) {
  using namespace std::chrono;
  const sys_days day = 2026y / January / 2;
  EXPECT_EQ(written<When>(day + 3h + 4min + 5s), R"({"v":"2026-01-02T03:04:05Z"})");
  EXPECT_EQ(written<When>(day + 123ms), R"({"v":"2026-01-02T00:00:00.123000Z"})");
  EXPECT_EQ(written<When>(day + 1ns), R"({"v":"2026-01-02T00:00:00.000000001Z"})");
  EXPECT_EQ(written<When>(sys_days(1969y / December / 31) + 23h + 250ms),
            R"({"v":"1969-12-31T23:00:00.250000Z"})");
  EXPECT_EQ(written<Date>(day), R"({"v":"2026-01-02T00:00:00Z"})");
  EXPECT_EQ(written<WhenSeconds>(sys_days(1y / January / 1)), R"({"v":"0001-01-01T00:00:00Z"})");
  EXPECT_EQ(written<WhenSeconds>(sys_days(10000y / January / 1) - 1s),
            R"({"v":"9999-12-31T23:59:59Z"})");
  for (const auto out :
       {sys_seconds(sys_days(1y / January / 1)) - 1s, sys_seconds(sys_days(10000y / January / 1)),
        sys_seconds::min(), sys_seconds::max()}) {
    EXPECT_EQ(written<WhenSeconds>(out), "v: time of a year that is none of 1 to 9999");
  }
}

TEST(Time, IsReadAtAnyOffset) {
  using namespace std::chrono;
  const auto time = sys_days(2026y / January / 2) + 3h + 4min + 5s;
  for (const char* text :
       {"2026-01-02T03:04:05Z", "2026-01-02t03:04:05z", "2026-01-02 03:04:05.000Z",
        "2026-01-02T03:04:05-00:00", "2026-01-02T08:34:05+05:30", "2026-01-01T20:04:05-07:00"}) {
    EXPECT_EQ(read<WhenSeconds>('"' + std::string(text) + '"'), time) << text;
  }
  EXPECT_EQ(read<When>(R"("2026-01-02T03:04:05.123456789Z")"), time + 123'456'789ns);
  EXPECT_EQ(read<When>(R"("1969-12-31T23:59:59.75Z")"), When::Value(-250ms));
  EXPECT_EQ(read<When>(R"("2024-02-29T00:00:00Z")"), sys_days(2024y / February / 29));
}

TEST(Time, OfAnotherFormIsRefused) {
  for (const char* text : {"",
                           "2026-01-02",
                           "2026-01-02T03:04:05",
                           "2026-01-02T03:04Z",
                           "2026-02-30T00:00:00Z",
                           "2026-01-02T24:00:00Z",
                           "2026-01-02T23:59:60Z",
                           "2026-01-02T03:04:05+0530",
                           "2026-01-02T03:04:05.Z",
                           "2026-01-02T03:04:05Z ",
                           " 2026-01-02T03:04:05Z",
                           "1700000000",
                           "2026-01-02T03:04:05+24:00",
                           "2026-00-02T03:04:05Z",
                           "2026-1-02T03:04:05Z",
                           "+026-01-02T03:04:05Z",
                           "0000-01-01T00:00:00Z",
                           "0001-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01",
                           "2025-02-29T00:00:00Z",
                           "2026-01-02X03:04:05Z",
                           "2026-01-02T03:04:05,5Z",
                           "2026-01-02T03:04:05.1234567891Z",
                           "2026-01-02T03:04:05ZZ"}) {
    EXPECT_EQ(read<When>('"' + std::string(text) + '"'), std::nullopt) << text;
  }
  EXPECT_EQ(read<WhenSeconds>("1700000000"), std::nullopt);
  EXPECT_EQ(why_not<WhenMicros>(R"({"v":"2026-01-02T03:04:05.1234567Z"})"),
            "v: expected time such as 2026-01-31T12:00:00Z, in steps of 1/1000000 s, got another "
            "string");
  EXPECT_EQ(read<When>(R"("2500-01-01T00:00:00Z")"), std::nullopt) << "more than 64 bits of ns";
  EXPECT_TRUE(read<WhenMicros>(R"("2500-01-01T00:00:00Z")"));
}

TEST(Time, AndDurationAreDescribed) {
  EXPECT_STREQ(schema_of_field(json_schema<When>())["format"].GetString(), "date-time");
  EXPECT_STREQ(schema_of_field(json_schema<Millis>())["format"].GetString(), "duration");
}

// ---- variants

struct Circle {
  std::string kind;
  double radius = 0;
};
DOJO_MODEL(Circle, DOJO_FIELD(kind, dojo::one_of("circle")), radius)
struct Square {
  std::string kind;
  double side = 0;
  int corners = 4;
};
DOJO_MODEL(Square, DOJO_FIELD(kind, dojo::one_of("square")), side, DOJO_DEFAULT(corners))
struct Start {
  std::string kind;
};
DOJO_MODEL(Start, DOJO_FIELD(kind, dojo::one_of("start")))
struct Stop {
  std::string kind;
};
DOJO_MODEL(Stop, DOJO_FIELD(kind, dojo::one_of("stop")))
struct Narrow {
  int a = 0;
  bool operator==(const Narrow&) const = default;
};
DOJO_MODEL(Narrow, a)
struct Broad {
  int a = 0;
  int b = 0;
};
DOJO_MODEL(Broad, a, DOJO_DEFAULT(b))

using Lists = std::variant<std::vector<int>, std::vector<std::string>>;
HOLDER(Any, std::variant<std::monostate, int, double, bool, std::string, std::vector<int>, Narrow>)
HOLDER(FloatFirst, std::variant<double, int>)
HOLDER(IntegerAlone, std::variant<std::string, int>)
HOLDER(Shape, std::variant<Circle, Square>)
HOLDER(Command, std::variant<Start, Stop>)
HOLDER(NarrowFirst, std::variant<Narrow, Broad>)
HOLDER(BroadFirst, std::variant<Broad, Narrow>)
HOLDER(ModelOrMap, std::variant<std::map<std::string, int>, Narrow>)
HOLDER(List, Lists)
HOLDER(TimeOrText, std::variant<std::chrono::sys_seconds, std::string>)
HOLDER(MaybeNumber, std::optional<std::variant<int, std::string>>)
HOLDER(Wide, std::variant<RawJson, int>)

template <class T>
std::size_t chosen(const std::string& value) {
  const auto model = from_json<T>(valued<T>(value));
  return model ? model->v.index() : std::variant_npos;
}

TEST(Variant, IsToldByTheKindOfJson) {
  const char* const values[] = {"null", "1", "1.5", "true", R"("x")", "[1]", R"({"a":1})"};
  for (std::size_t i = 0; i < std::size(values); ++i) {
    EXPECT_EQ(chosen<Any>(values[i]), i) << values[i];
    EXPECT_EQ(again<Any>(values[i]), values[i]);
  }
  EXPECT_EQ(why_not<IntegerAlone>(R"({"v":[]})"), "v: expected number or string, got array");
  EXPECT_EQ(why_not<Any>(R"({"v":[1,"x"]})"),
            "v[1]: expected integer from -2147483648 to 2147483647, got string");
  EXPECT_EQ(why_not<Any>(R"({"v":{"a":"x"}})"),
            "v.a: expected integer from -2147483648 to 2147483647, got string");
}

TEST(Variant, OfNumbersIsAsTheNumberIsWritten) {
  EXPECT_EQ(chosen<Any>("1.0"), 2u);
  EXPECT_EQ(chosen<Any>("1e2"), 2u);
  EXPECT_EQ(chosen<Any>("3000000000"), 2u) << "no int";
  EXPECT_EQ(chosen<FloatFirst>("1"), 1u);
  EXPECT_EQ(chosen<FloatFirst>("1.0"), 0u);
  EXPECT_EQ(chosen<IntegerAlone>("1.0"), 1u);
  EXPECT_EQ(again<FloatFirst>("1.0"), "1.0");
  EXPECT_EQ(again<FloatFirst>("-7"), "-7");
  EXPECT_THAT(why_not<IntegerAlone>(R"({"v":1.5})"), HasSubstr("got another number"));
}

TEST(Variant, OfModelsIsTheOneThatKnowsMostKeys) {
  EXPECT_EQ(chosen<Shape>(R"({"kind":"circle","radius":1})"), 0u);
  EXPECT_EQ(chosen<Shape>(R"({"kind":"square","side":1})"), 1u);
  EXPECT_EQ(chosen<NarrowFirst>(R"({"a":1})"), 0u);
  EXPECT_EQ(chosen<NarrowFirst>(R"({"a":1,"b":2})"), 1u);
  EXPECT_EQ(chosen<NarrowFirst>(R"({"b":1,"b":2,"a":1,"c":3})"), 1u);
  EXPECT_EQ(chosen<BroadFirst>(R"({"a":1})"), 0u);
  EXPECT_EQ(chosen<BroadFirst>(R"({"a":1,"b":2})"), 0u);
  EXPECT_EQ(chosen<BroadFirst>(R"({"a":1,"b":"x"})"), 1u) << "what cannot be read is passed over";
  EXPECT_EQ(chosen<ModelOrMap>(R"({"a":1})"), 1u);
  EXPECT_EQ(chosen<ModelOrMap>(R"({"b":1})"), 0u);
}

TEST(Variant, OfModelsMayBeToldByAConstraint) {
  EXPECT_EQ(chosen<Command>(R"({"kind":"start"})"), 0u);
  EXPECT_EQ(chosen<Command>(R"({"kind":"stop"})"), 1u);
  EXPECT_EQ(why_not<Command>(R"({"v":{"kind":"x"}})"),
            R"(v.kind: expected one of "start", got another string)");
}

TEST(Variant, OfWhichNoneFitsSaysWhatTheLikeliestSays) {
  EXPECT_EQ(why_not<Shape>(R"({"v":{"kind":"square","side":"x","corners":[]}})"),
            "v.side: expected number, got string; v.corners: expected integer from -2147483648 to "
            "2147483647, got array");
  EXPECT_EQ(why_not<Shape>(R"({"v":{"side":1}})"), "v.kind: required field is missing");
  EXPECT_EQ(why_not<List>(R"({"v":[1,"x"]})"),
            "v[1]: expected integer from -2147483648 to 2147483647, got string");
}

TEST(Variant, IsOtherwiseTheFirstThatCanBeRead) {
  EXPECT_EQ(chosen<List>("[]"), 0u);
  EXPECT_EQ(chosen<List>(R"(["x"])"), 1u);
  EXPECT_EQ(chosen<TimeOrText>(R"("2026-01-02T03:04:05Z")"), 0u);
  EXPECT_EQ(chosen<TimeOrText>(R"("2026-01-02")"), 1u);
  EXPECT_EQ(chosen<Wide>("1"), 0u);
  EXPECT_EQ(again<Wide>("[ 1 ]"), "[ 1 ]");
}

TEST(Variant, MayBeMissingOrNullIfItIsOptional) {
  EXPECT_EQ(from_json<MaybeNumber>("{}")->v, std::nullopt);
  EXPECT_EQ(from_json<MaybeNumber>(R"({"v":null})")->v, std::nullopt);
  EXPECT_EQ(again<MaybeNumber>(R"("x")"), R"("x")");
}

TEST(Variant, IsValidJsonWhateverIsTried) {
  for (const char* value :
       {R"({"a":1,})", R"({"a":[1,}})", R"({"a" 1})", "nul", "1.", R"({"a":1)", "[1,]"}) {
    EXPECT_THAT(why_not<BroadFirst>(valued<Any>(value)), HasSubstr("not valid JSON")) << value;
    EXPECT_THAT(why_not<Any>(valued<Any>(value)), HasSubstr("not valid JSON")) << value;
    EXPECT_THAT(why_not<List>(valued<Any>(value)), HasSubstr("not valid JSON")) << value;
  }
}

TEST(Variant, OfAFieldThatComesTwiceIsTheLastOnes) {
  EXPECT_EQ(from_json<Any>(R"({"v":{"a":"x"},"v":[1]})")->v, Any::Value(std::vector{1}));
  const auto twice = from_json<NarrowFirst>(R"({"v":{"a":1,"b":2},"v":{"a":3}})");
  EXPECT_EQ(std::get<Narrow>(twice->v).a, 3);
}

TEST(Variant, IsDescribed) {
  const auto schema = schema_of(json_schema<Shape>());
  const auto& any_of = schema["properties"]["v"]["anyOf"];
  EXPECT_STREQ(any_of[0]["$ref"].GetString(), "#/$defs/Circle");
  EXPECT_STREQ(any_of[1]["$ref"].GetString(), "#/$defs/Square");
  EXPECT_STREQ(schema["$defs"]["Square"]["properties"]["kind"]["enum"][0].GetString(), "square");
  EXPECT_STREQ(schema_of_field(json_schema<Any>())["anyOf"][0]["type"].GetString(), "null");
}

// Alternatives that hold the same again: each level could be read twice, and the next one four
// times.
struct Left;
struct Right;
using Either = std::variant<Left, Right>;
struct Left {
  std::vector<Either> of;
  int left = 0;
};
struct Right {
  std::vector<Either> of;
  std::string left;
};
DOJO_MODEL(Left, of, left)
DOJO_MODEL(Right, of, left)

std::string tower(int levels, const std::string& end) {
  std::string text = end;
  for (int i = 0; i < levels; ++i) text = R"({"of":[)" + text + R"(],"left":"x"})";
  return text;
}

TEST(Variant, InsideOfVariantsIsReadAFewTimesAndNoMore) {
  const auto shallow = from_json<Right>(tower(8, ""));
  ASSERT_TRUE(shallow) << shallow.error().message;
  EXPECT_EQ(*to_json(*shallow), tower(8, ""));
  const auto deep = from_json<Right>(tower(100, ""));
  ASSERT_FALSE(deep);
  EXPECT_THAT(deep.error().message, HasSubstr("its alternatives take too long to be told apart"));
  EXPECT_THAT(why_not<Right>(tower(100, "1")), HasSubstr("its alternatives take too long"));
}

}  // namespace
