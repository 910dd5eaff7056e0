#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <dojo/model.hpp>

#include "holder.hpp"

namespace {

using namespace dojo;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

HOLDER(Int8, std::int8_t)
HOLDER(Int16, std::int16_t)
HOLDER(Int32, std::int32_t)
HOLDER(Int64, std::int64_t)
HOLDER(Uint8, std::uint8_t)
HOLDER(Uint16, std::uint16_t)
HOLDER(Uint32, std::uint32_t)
HOLDER(Uint64, std::uint64_t)
HOLDER(Bool, bool)
HOLDER(Float, float)
HOLDER(Double, double)
HOLDER(Text, std::string)
HOLDER(Raw, RawJson)
HOLDER(Bits, std::vector<bool>)
HOLDER(Maybe, std::optional<std::int32_t>)
HOLDER(Texts, std::vector<std::string>)

enum class Colour { red, green };
DOJO_ENUM(Colour, red, green)
HOLDER(Coloured, Colour)

struct Inner {
  int a = 1;
  int b = 7;
  std::map<std::string, int> map;
};
DOJO_MODEL(Inner, a, DOJO_DEFAULT(b), DOJO_DEFAULT(map))

struct Everything {
  std::string text;
  std::vector<std::string> completions;
  std::optional<double> score;
  std::map<std::string, std::vector<Inner>> by_name;
  std::unordered_map<std::string, std::optional<bool>> flags;
  Inner nested;
  Colour colour = Colour::red;
  int top_k = 3;
  RawJson raw;
  std::string class_ = "none";
};
DOJO_MODEL(Everything, text, completions, score, by_name, flags, nested, colour,
           DOJO_DEFAULT(top_k), raw, DOJO_NAMED_DEFAULT(class_, "class"))

struct Renamed {
  int class_ = 0;
};
DOJO_MODEL(Renamed, DOJO_NAMED(class_, "class"))

struct Node {
  std::vector<Node> children;
};
DOJO_MODEL(Node, children)

// Two models that hold each other: the macro of the first stands before the second is one.
struct Folder;
struct Drawer {
  std::vector<Folder> folders;
};
struct Folder {
  std::map<std::string, Drawer> drawers;
};
DOJO_MODEL(Drawer, folders)
DOJO_MODEL(Folder, drawers)

struct Derived : Renamed {
  int own = 0;
};
struct Whole : Renamed {
  int own = 0;
};
DOJO_MODEL(Whole, DOJO_NAMED(class_, "class"), own)
static_assert(!Model<Derived>, "it would be read and written as its base");
static_assert(Model<Whole> && Model<Renamed>);

struct Largest {
  int f0 = 0, f1 = 0, f2 = 0, f3 = 0, f4 = 0, f5 = 0, f6 = 0, f7 = 0, f8 = 0, f9 = 0, f10 = 0,
      f11 = 0, f12 = 0, f13 = 0, f14 = 0, f15 = 0, f16 = 0, f17 = 0, f18 = 0, f19 = 0, f20 = 0,
      f21 = 0, f22 = 0, f23 = 0, f24 = 0, f25 = 0, f26 = 0, f27 = 0, f28 = 0, f29 = 0, f30 = 0,
      f31 = 0, f32 = 0, f33 = 0, f34 = 0, f35 = 0, f36 = 0, f37 = 0, f38 = 0, f39 = 0, f40 = 0,
      f41 = 0, f42 = 0, f43 = 0, f44 = 0, f45 = 0, f46 = 0, f47 = 0, f48 = 0, f49 = 0, f50 = 0,
      f51 = 0, f52 = 0, f53 = 0, f54 = 0, f55 = 0, f56 = 0, f57 = 0, f58 = 0, f59 = 0, f60 = 0,
      f61 = 0, f62 = 0, f63 = 0, f64 = 0, f65 = 0, f66 = 0, f67 = 0, f68 = 0, f69 = 0, f70 = 0,
      f71 = 0, f72 = 0, f73 = 0, f74 = 0, f75 = 0, f76 = 0, f77 = 0, f78 = 0, f79 = 0, f80 = 0,
      f81 = 0, f82 = 0, f83 = 0, f84 = 0, f85 = 0, f86 = 0, f87 = 0, f88 = 0, f89 = 0, f90 = 0,
      f91 = 0, f92 = 0, f93 = 0, f94 = 0, f95 = 0, f96 = 0, f97 = 0, f98 = 0, f99 = 0, f100 = 0,
      f101 = 0, f102 = 0, f103 = 0, f104 = 0, f105 = 0, f106 = 0, f107 = 0, f108 = 0, f109 = 0,
      f110 = 0, f111 = 0, f112 = 0, f113 = 0, f114 = 0, f115 = 0, f116 = 0, f117 = 0, f118 = 0,
      f119 = 0, f120 = 0, f121 = 0, f122 = 0, f123 = 0, f124 = 0, f125 = 0, f126 = 0, f127 = 0;
};
DOJO_MODEL(Largest, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
           f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35,
           f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52, f53,
           f54, f55, f56, f57, f58, f59, f60, f61, f62, f63, f64, f65, f66, f67, f68, f69, f70, f71,
           f72, f73, f74, f75, f76, f77, f78, f79, f80, f81, f82, f83, f84, f85, f86, f87, f88, f89,
           f90, f91, f92, f93, f94, f95, f96, f97, f98, f99, f100, f101, f102, f103, f104, f105,
           f106, f107, f108, f109, f110, f111, f112, f113, f114, f115, f116, f117, f118, f119, f120,
           f121, f122, f123, f124, f125, f126, f127)

}  // namespace

struct Empty {};
DOJO_MODEL(Empty)

namespace outer::inner {
struct Qualified {
  int v = 0;
};
DOJO_MODEL(outer::inner::Qualified, v)
}  // namespace outer::inner

namespace {

// ---- numbers

template <class T>
class Integers : public testing::Test {};
using IntegerModels = testing::Types<Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64>;
TYPED_TEST_SUITE(Integers, IntegerModels);

/// Decimal text one away from the limit, for 64 bits too.
std::string beyond(std::string limit) {
  for (auto digit = limit.rbegin();; ++digit) {
    if (*digit != '9') {
      ++*digit;
      return limit;
    }
    *digit = '0';
  }
}

TYPED_TEST(Integers, AreReadAndWrittenUpToBothLimits) {
  using Limits = std::numeric_limits<typename TypeParam::Value>;
  for (const auto value : {Limits::min(), Limits::max(), typename TypeParam::Value{1}}) {
    EXPECT_EQ(read<TypeParam>(std::to_string(value)), value);
    EXPECT_EQ(written<TypeParam>(value), valued<TypeParam>(std::to_string(value)));
  }
}

TYPED_TEST(Integers, BeyondEitherLimitAreRefused) {
  using Limits = std::numeric_limits<typename TypeParam::Value>;
  const auto least = std::to_string(Limits::min());
  const auto most = std::to_string(Limits::max());
  const auto text = "v: expected integer from " + least + " to " + most + ", got another number";
  EXPECT_EQ(why_not<TypeParam>(valued<TypeParam>(beyond(most))), text);
  EXPECT_EQ(why_not<TypeParam>(valued<TypeParam>(least == "0" ? "-1" : beyond(least))), text);
  EXPECT_EQ(why_not<TypeParam>(valued<TypeParam>("123456789012345678901234567890")), text);
}

TYPED_TEST(Integers, AreNeverRoundedOrCut) {
  for (const char* value : {"1.5", "1e-1", "0.1", "12e-1", "1.00000000000000000000000000000001",
                            "0.99999999999999999999999999999999", "1e400", "1e-400",
                            "1e99999999999999999999", "1e-99999999999999999999"}) {
    EXPECT_EQ(read<TypeParam>(value), std::nullopt) << value;
  }
}

TYPED_TEST(Integers, AreWhatTheirValueSays) {
  for (const auto& [text, value] : std::initializer_list<std::pair<const char*, int>>{
           {"1.0", 1},
           {"1e2", 100},
           {"1E+2", 100},
           {"1E0", 1},
           {"-0.0", 0},
           {"-0", 0},
           {"0e999", 0},
           {"0.0e-99999999999999999999", 0},
           {"120e-1", 12},
           {"1.20e1", 12},
           {"0.12e2", 12},
           {"0.0012e4", 12},
           {"120000000000000000000000000e-25", 12},
           {"12.000000000000000000000000000000", 12}}) {
    const auto read_value = read<TypeParam>(text);
    ASSERT_TRUE(read_value) << text;
    EXPECT_EQ(static_cast<int>(*read_value), value) << text;
  }
}

TYPED_TEST(Integers, AreExactWhereverThePointStands) {
  using Limits = std::numeric_limits<typename TypeParam::Value>;
  for (const auto value : {Limits::min(), Limits::max()}) {
    if (value == 0) continue;  // has no digits to shift
    const auto digits = std::to_string(value);
    const auto head = digits.size() - 2;
    for (const auto& text : {digits + ".0", digits + "e0", digits + "000e-3", digits + ".000E+0",
                             digits.substr(0, head) + "." + digits.substr(head) + "e2"}) {
      if (text.starts_with('.') || text.starts_with("-.")) continue;
      EXPECT_EQ(read<TypeParam>(text), value) << text;
    }
    EXPECT_EQ(read<TypeParam>(beyond(digits) + ".0"), std::nullopt);
    EXPECT_EQ(read<TypeParam>(beyond(digits) + "0e-1"), std::nullopt);
    EXPECT_EQ(read<TypeParam>(digits + "e1"), std::nullopt);
  }
}

TYPED_TEST(Integers, AreNothingButNumbers) {
  for (const char* value : {"true", "\"1\"", "null", "[1]", "{}", "01", "+1", "1x", "0x1", "--1"}) {
    EXPECT_EQ(read<TypeParam>(value), std::nullopt) << value;
  }
}

TEST(Model, MayHaveNoFields) {
  EXPECT_EQ(*to_json(Empty{}), "{}");
  EXPECT_TRUE(from_json<Empty>(R"({"unknown": 1})"));
  EXPECT_FALSE(from_json<Empty>("[]"));
}

TEST(Integer, IsExactTo64Bits) {
  EXPECT_EQ(read<Uint64>("18446744073709551615"), 18446744073709551615u);
  EXPECT_EQ(read<Uint64>("9007199254740993"), 9007199254740993u);  // 2^53 + 1
  EXPECT_EQ(read<Uint64>("9007199254740993.0"), 9007199254740993u);
  EXPECT_EQ(read<Int64>("-9223372036854775807"), -9223372036854775807);
}

TEST(Double, KeepsItsEdgeValues) {
  for (const char* value : {"5e-324", "2.2250738585072014e-308", "1.7976931348623157e308", "1e308",
                            "-1e308", "0.1", "1e-5", "9007199254740993.0"}) {
    const auto number = read<Double>(value);
    ASSERT_TRUE(number) << value;
    EXPECT_EQ(*number, std::strtod(value, nullptr)) << value;
    EXPECT_EQ(from_json<Double>(*to_json(Double{*number}))->v, *number) << value;
  }
}

TEST(Double, KeepsTheSignOfZero) {
  EXPECT_TRUE(std::signbit(*read<Double>("-0.0")));
  EXPECT_TRUE(std::signbit(from_json<Double>(*to_json(Double{-0.0}))->v));
  EXPECT_FALSE(std::signbit(*read<Double>("0")));
}

TEST(Double, TakesIntegers) {
  EXPECT_EQ(read<Double>("3"), 3.0);
  EXPECT_EQ(read<Double>("18446744073709551616"), 18446744073709551616.0);
}

TEST(Double, IsRefusedWhereItWouldBeInfinite) {
  for (const char* value : {"1e400", "-1e400", "1.7976931348623159e308"}) {
    EXPECT_THAT(why_not<Double>(valued<Double>(value)), HasSubstr("out of range")) << value;
  }
  EXPECT_EQ(why_not<Float>(R"({"v":1e39})"), "v: number out of range");
  EXPECT_EQ(read<Float>("3.4028234663852886e38"), std::numeric_limits<float>::max());
}

TEST(Double, ThatIsTooSmallIsZero) {
  for (const char* value : {"1e-400", "0.001e-400", "123456e-400", "1e-99999999999999999999",
                            "2e-324", "0e99999999999999999999"}) {
    EXPECT_EQ(read<Double>(value), 0.0) << value;
  }
  EXPECT_TRUE(std::signbit(*read<Double>("-1e-400")));
  EXPECT_EQ(read<Double>(std::string(400, '1') + "e-400"), 0.1111111111111111);
  EXPECT_EQ(read<Double>("0." + std::string(400, '0') + "1e401"), 1.0);
}

TEST(Double, IsWrittenAsShortAsItCanBe) {
  for (const auto& [value, text] : std::initializer_list<std::pair<double, const char*>>{
           {0, "0.0"},
           {-0.0, "-0.0"},
           {1, "1.0"},
           {-1.5, "-1.5"},
           {0.1, "0.1"},
           {100, "100.0"},
           {12.34, "12.34"},
           {1e20, "100000000000000000000.0"},
           {1e21, "1e21"},
           {1.25e21, "1.25e21"},
           {0.001234, "0.001234"},
           {1e-6, "0.000001"},
           {1e-7, "1e-7"},
           {1.5e-7, "1.5e-7"},
           {5e-324, "5e-324"},
           {1e100, "1e100"},
           {0.5, "0.5"},
           {1.7976931348623157e308, "1.7976931348623157e308"},
           {123456789.125, "123456789.125"}}) {
    EXPECT_EQ(written<Double>(value), valued<Double>(text));
  }
}

TEST(Double, RefusesWhatIsNoJsonNumber) {
  for (const char* value :
       {"NaN", "Infinity", "-", "1.", ".5", "01", "+1", "1e", "1.5.5", "\"1\"", "null", "true"}) {
    EXPECT_EQ(read<Double>(value), std::nullopt) << value;
  }
}

TEST(Double, ThatIsNoNumberIsNotWritten) {
  EXPECT_EQ(to_json(Double{std::nan("")}).error().message,
            "v: NaN and infinity cannot be written as JSON");
  EXPECT_EQ(to_json(Float{-std::numeric_limits<float>::infinity()}).error().code, Code::internal);
}

// ---- booleans, text, enums

TEST(Boolean, IsTrueOrFalse) {
  EXPECT_EQ(read<Bool>("true"), true);
  EXPECT_EQ(read<Bool>("false"), false);
  EXPECT_EQ(written<Bool>(true), R"({"v":true})");
}

TEST(Boolean, IsNothingThatOnlyBeginsSo) {
  for (const char* value : {"tru", "truee", "falsey", "1", "\"true\"", "null", "True"}) {
    EXPECT_EQ(read<Bool>(value), std::nullopt) << value;
  }
  EXPECT_THAT(why_not<Bool>(R"({"v":tru})"), HasSubstr("not valid JSON"));
}

TEST(VectorOfBool, IsReadAndWritten) {
  const auto bits = from_json<Bits>(R"({"v":[true,false,true]})");
  ASSERT_TRUE(bits);
  EXPECT_EQ(bits->v, (std::vector<bool>{true, false, true}));
  EXPECT_EQ(*to_json(*bits), R"({"v":[true,false,true]})");
}

TEST(String, UnderstandsEveryEscape) {
  EXPECT_EQ(read<Text>(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00")"),
            "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(String, MayHoldANullByte) {
  EXPECT_EQ(read<Text>(R"("a\u0000b")"), std::string("a\0b", 3));
  EXPECT_EQ(written<Text>(std::string("a\0b", 3)), R"({"v":"a\u0000b"})");
}

TEST(String, RefusesLoneSurrogates) {
  for (const char* value : {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\ud800\ud800")",
                            R"("\ud83dx")", R"("\ud83d\n")"}) {
    EXPECT_EQ(read<Text>(value), std::nullopt) << value;
  }
}

TEST(String, RefusesBadEscapesAndBareControlCharacters) {
  for (const char* value :
       {R"("\q")", R"("\u12")", R"("\u12g4")", "\"a\nb\"", "\"a\x01\"", "\"a"}) {
    EXPECT_EQ(read<Text>(value), std::nullopt) << value;
  }
}

TEST(String, RefusesWhatIsNoUtf8) {
  for (const char* value : {"\"\x80\"", "\"\xc3\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"",
                            "\"\xf4\x90\x80\x80\"", "\"\xff\""}) {
    EXPECT_THAT(why_not<Text>(valued<Text>(value)), HasSubstr("not valid UTF-8"));
  }
}

TEST(String, ThatIsNoUtf8IsNotWritten) {
  EXPECT_EQ(to_json(Texts{{"good", "bad\xff"}}).error().message, "v[1]: text is not valid UTF-8");
}

TEST(String, CutInTheMiddleOfACharacterIsNotReadBeyond) {
  // Of every size, each in a buffer of exactly that size, so that a sanitizer sees one byte too
  // far.
  for (std::size_t size = 16; size < 80; ++size) {
    for (const char* lead : {"\xf0", "\xe2", "\xc3"}) {
      std::string text(size - 1, 'x');
      text += lead;
      text.shrink_to_fit();
      EXPECT_FALSE(to_json(Text{std::move(text)})) << size;
    }
  }
}

TEST(Enum, IsWrittenByItsNames) {
  EXPECT_EQ(read<Coloured>("\"green\""), Colour::green);
  EXPECT_EQ(written<Coloured>(Colour::green), R"({"v":"green"})");
}

TEST(Enum, RefusesOtherNamesAndDoesNotEchoThem) {
  EXPECT_EQ(why_not<Coloured>(R"({"v":"secret"})"),
            R"(v: expected one of "red" "green", got another string)");
  EXPECT_EQ(why_not<Coloured>(R"({"v":1})"), R"(v: expected one of "red" "green", got number)");
}

TEST(Enum, WithoutANameIsNotWritten) {
  EXPECT_EQ(to_json(Coloured{static_cast<Colour>(7)}).error().message,
            "v: enum value without a name");
}

// ---- fields

TEST(Optional, IsEmptyWhenMissingOrNull) {
  EXPECT_EQ(from_json<Maybe>("{}")->v, std::nullopt);
  EXPECT_EQ(from_json<Maybe>(R"({"v":null})")->v, std::nullopt);
  EXPECT_EQ(from_json<Maybe>(R"({"v":5})")->v, 5);
  EXPECT_EQ(written<Maybe>(std::nullopt), R"({"v":null})");
}

TEST(Optional, OfTheWrongTypeIsRefused) {
  EXPECT_THAT(why_not<Maybe>(R"({"v":"x"})"), HasSubstr("v: expected integer"));
  EXPECT_NE(why_not<Maybe>(R"({"v":nul})"), "");
}

TEST(Field, WithADefaultKeepsItWhenMissing) {
  const auto inner = from_json<Inner>(R"({"a":2})");
  ASSERT_TRUE(inner);
  EXPECT_EQ(inner->b, 7);
  EXPECT_THAT(why_not<Inner>(R"({"a":2,"b":null})"), HasSubstr("b: expected integer"));
}

TEST(Field, ThatIsRequiredIsMissed) {
  EXPECT_EQ(why_not<Inner>(R"({"b":2})"), "a: required field is missing");
  EXPECT_EQ(why_not<Bool>("{}"), "v: required field is missing");
}

TEST(Field, MayHaveAnotherKeyInJson) {
  EXPECT_EQ(from_json<Renamed>(R"({"class":4})")->class_, 4);
  EXPECT_EQ(*to_json(Renamed{4}), R"({"class":4})");
  EXPECT_EQ(why_not<Renamed>(R"({"class_":4})"), "class: required field is missing");
}

TEST(Field, IsFoundByAnEscapedKey) {
  EXPECT_EQ(from_json<Bool>(R"({"\u0076":true})")->v, true);
}

TEST(Field, ThatComesTwiceIsTheLastOne) {
  EXPECT_EQ(from_json<Int32>(R"({"v":1,"v":2})")->v, 2);
  EXPECT_EQ(from_json<Texts>(R"({"v":["a","b"],"v":["c"]})")->v, std::vector<std::string>{"c"});
  EXPECT_EQ(from_json<Maybe>(R"({"v":1,"v":null})")->v, std::nullopt);
}

TEST(Field, ThatComesTwiceKeepsNothingOfTheFirstInsideANestedModel) {
  const auto model = from_json<Everything>(
      R"({"text":"","completions":[],"by_name":{},"flags":{},"colour":"red","raw":0,
          "nested":{"a":1,"b":2,"map":{"x":1}},"nested":{"a":3}})");
  ASSERT_TRUE(model);
  EXPECT_EQ(model->nested.a, 3);
  EXPECT_EQ(model->nested.b, 7);
  EXPECT_TRUE(model->nested.map.empty());
}

TEST(Field, ThatComesTwiceMayBeAnythingTheFirstTime) {
  for (const char* first :
       {R"("x")", "null", "1.5", "1e300", "[1,[2,{}]]", R"({"v":[{"v":1}]})", "99999999999"}) {
    EXPECT_EQ(why_not<Int32>(std::string(R"({"v":)") + first + R"(,"v":2})"), "") << first;
  }
  const auto number = from_json<Int32>(R"({"v":"x","v":2})");
  ASSERT_TRUE(number);
  EXPECT_EQ(number->v, 2);
  const auto texts = from_json<Texts>(R"({"v":["a",1,["b"]],"w":[],"v":["c"]})");
  ASSERT_TRUE(texts) << texts.error().message;
  EXPECT_EQ(texts->v, std::vector<std::string>{"c"});
  const auto inner = from_json<Inner>(R"({"a":1,"map":{"k":"x","l":[],"k":1,"l":2}})");
  ASSERT_TRUE(inner) << inner.error().message;
  EXPECT_EQ(inner->map, (std::map<std::string, int>{{"k", 1}, {"l", 2}}));
}

TEST(Field, ThatComesTwiceMustBeGoodTheLastTime) {
  EXPECT_THAT(why_not<Int32>(R"({"v":1,"v":"x"})"), HasSubstr("got string"));
  EXPECT_THAT(why_not<Int32>(R"({"v":true,"v":2,"v":"x"})"), HasSubstr("got string"));
  EXPECT_THAT(why_not<Inner>(R"({"a":1,"map":{"k":1,"k":"x"}})"), HasSubstr(R"(map["k"])"));
  EXPECT_THAT(why_not<Inner>(R"({"a":"x","map":[],"a":1})"), HasSubstr("map: expected object"));
}

TEST(Field, ThatComesTwiceIsValidJsonEachTime) {
  for (const char* first : {"[1,}", R"("\x")", "01", "nul", "1e", R"(["x" 1])", R"({"a"})"}) {
    EXPECT_NE(why_not<Int32>(std::string(R"({"v":)") + first + R"(,"v":2})"), "") << first;
  }
}

TEST(Field, OfManyThatAreWrongTheFirstIsNamed) {
  std::string text = R"({"a":1,"map":{)";
  for (int i = 0; i < 10'000; ++i) text += "\"k" + std::to_string(i) + "\":\"x\",";
  text += R"("last":1}})";
  EXPECT_THAT(why_not<Inner>(text), HasSubstr(R"(map["k0"])"));
}

TEST(UnknownField, IsIgnored) {
  EXPECT_EQ(
      why_not<Bool>(
          R"({"a":[{"b":[1,-2.5e3,"x",null,true]},{}],"v":true,"c":12345678901234567890123})"),
      "");
}

TEST(UnknownField, MustBeValidJsonAllTheSame) {
  for (const char* value : {"nul", "[1,,2]", "[1 2]", R"({"a" 1})", R"({"a":1,})", R"("\x")",
                            R"({"\x":1})", "1e999", "01", "-", R"("\ud800")", "[true false]", "[1}",
                            R"({"a":})", R"({1:1})", "[null{}]", "tru"}) {
    EXPECT_THAT(why_not<Bool>(std::string(R"({"v":true,"x":)") + value + "}"),
                HasSubstr("not valid JSON"))
        << value;
  }
}

// ---- documents

TEST(Document, MustBeAnObject) {
  EXPECT_EQ(why_not<Bool>("[]"), "expected object, got array");
  EXPECT_EQ(why_not<Bool>("null"), "expected object, got null");
  EXPECT_EQ(why_not<Bool>(" 1"), "expected object, got number");
  EXPECT_EQ(why_not<Bool>("\"x\""), "expected object, got string");
  EXPECT_EQ(why_not<Bool>("true"), "expected object, got boolean");
  for (const char* text : {"", " ", "{", "}", "{\"v\":true", "x", "\xef\xbb\xbf{\"v\":true}"}) {
    EXPECT_THAT(why_not<Bool>(text), HasSubstr("not valid JSON")) << text;
  }
}

TEST(Document, BeginsWithNoByteOrderMark) {
  EXPECT_EQ(why_not<Bool>("\xef\xbb\xbf{\"v\":true}"),
            "not valid JSON: it begins with a byte order mark, at byte 0");
  EXPECT_THAT(why_not<Bool>("{\"v\":\xef\xbb\xbftrue}"), HasSubstr("there is no value"));
}

TEST(Document, HasNothingBehindIt) {
  for (const char* rest : {"{}", " x", "}", ",", " null", "\"", "]", "1"}) {
    EXPECT_THAT(why_not<Bool>(std::string(R"({"v":true})") + rest), HasSubstr("not valid JSON"))
        << rest;
  }
  EXPECT_THAT(why_not<Bool>(std::string("{\"v\":true}\0", 11)), HasSubstr("not valid JSON"));
  EXPECT_EQ(why_not<Bool>(" \t\r\n{\"v\":true} \t\r\n"), "");
}

TEST(Document, MayNotBeTrimmedByItsLastByte) {
  const std::string whole = R"({"v":[true,false],"x":{"y":["z",1.25e2]}})";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(why_not<Bits>(whole.substr(0, size)), "") << size;
  }
  EXPECT_EQ(why_not<Bits>(whole), "");
}

TEST(Document, IsNotReadBeyondItsEnd) {
  // Cut anywhere, in a buffer of exactly that size, so that a sanitizer sees one byte too far.
  const std::string whole =
      R"({"v":[true,false],"x":["\u00e9\ud83d\ude00 text of some length","\n",-1.25e+2,null]})";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::vector<char> exact(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(why_not<Bits>({exact.data(), exact.size()}).empty(), size == whole.size()) << size;
  }
}

TEST(Document, MayBeMegabytes) {
  Texts model;
  for (int i = 0; i < 100'000; ++i) model.v.push_back("completion " + std::to_string(i));
  const auto again = from_json<Texts>(*to_json(model));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->v, model.v);
}

// ---- what an error says

std::string repeated(std::string_view begin, std::string_view member, std::size_t times,
                     std::string_view end) {
  std::string text(begin);
  for (std::size_t i = 0; i < times; ++i) text += (i == 0 ? "" : ",") + std::string(member);
  return text.append(end);
}

TEST(Error, NamesThePath) {
  const auto with = [](const std::string& field) {
    return R"({"text":"","completions":[],"by_name":{},"flags":{},"nested":{"a":1},"colour":"red","raw":0,)" +
           field + "}";
  };
  EXPECT_EQ(why_not<Everything>(with(R"("completions":["a","b","c",1])")),
            "completions[3]: expected string, got number");
  EXPECT_EQ(why_not<Everything>(with(R"("nested":{"a":1,"map":{"k":"x"}})")),
            R"(nested.map["k"]: expected integer from -2147483648 to 2147483647, got string)");
  EXPECT_EQ(why_not<Everything>(with(R"("by_name":{"n":[{"a":1},{"b":2}]})")),
            R"(by_name["n"][1].a: required field is missing)");
  EXPECT_EQ(why_not<Everything>(with(R"("flags":{"f":1})")),
            R"(flags["f"]: expected boolean, got number)");
  EXPECT_EQ(why_not<Everything>(with(R"("class":{})")), "class: expected string, got object");
  EXPECT_EQ(why_not<Everything>(with(R"("nested":[])")), "nested: expected object, got array");
  EXPECT_EQ(why_not<Everything>(with(R"("score":"x")")), "score: expected number, got string");
}

TEST(Error, TellsAllThatIsWrongInTheTextsOrder) {
  EXPECT_EQ(why_not<Everything>(
                R"({"completions":["a",1,"c",null],"nested":{"map":{"k":"x","l":1},"b":[]},)"
                R"("class":{"text":"x"},"raw":0,"by_name":{"n":[{"a":1},{"b":2}]},"top_k":1.5})"),
            "completions[1]: expected string, got number; "
            "completions[3]: expected string, got null; "
            "nested.map[\"k\"]: expected integer from -2147483648 to 2147483647, got string; "
            "nested.b: expected integer from -2147483648 to 2147483647, got array; "
            "nested.a: required field is missing; "
            "class: expected string, got object; "
            "by_name[\"n\"][1].a: required field is missing; "
            "top_k: expected integer from -2147483648 to 2147483647, got another number; "
            "text: required field is missing; "
            "flags: required field is missing; and more");
}

TEST(Error, TellsNoMoreThanTen) {
  const auto wrong = [](int count) {
    return R"({"v":[)" + repeated("", "1", static_cast<std::size_t>(count), "]}");
  };
  const auto ten = why_not<Texts>(wrong(10));
  EXPECT_THAT(ten, EndsWith("v[9]: expected string, got number"));
  EXPECT_EQ(why_not<Texts>(wrong(11)), ten + "; and more");
  EXPECT_EQ(why_not<Texts>(wrong(100'000)), ten + "; and more");
  EXPECT_THAT(why_not<Largest>("{}"), EndsWith("f9: required field is missing; and more"));
}

TEST(Error, ThatIsMendedIsNotTold) {
  EXPECT_EQ(why_not<Inner>(R"({"b":1.5,"a":"x","map":{"k":"x","l":{},"k":1},"b":1})"),
            "a: expected integer from -2147483648 to 2147483647, got string; "
            "map[\"l\"]: expected integer from -2147483648 to 2147483647, got object");
  EXPECT_EQ(why_not<Inner>(R"({"a":1,"map":{"k":"x","":"x","k":2},"b":"x","map":{"":1}})"),
            "b: expected integer from -2147483648 to 2147483647, got string");
}

TEST(Error, OfTheTextEndsTheReading) {
  EXPECT_EQ(why_not<Inner>(R"({"a":"x","b":nul,"map":[]})"),
            "a: expected integer from -2147483648 to 2147483647, got string; "
            "b: expected integer from -2147483648 to 2147483647, got null; "
            "not valid JSON: a word is none of true, false and null, at byte 13");
  EXPECT_EQ(why_not<Inner>(R"({"a":"x","b":[1,]})"),
            "a: expected integer from -2147483648 to 2147483647, got string; "
            "b: expected integer from -2147483648 to 2147483647, got array; "
            "not valid JSON: there is no value, at byte 16");
}

TEST(Error, IsShortHoweverDeepTheTextIsNested) {
  std::string deep = "1";
  for (int i = 0; i < 60; ++i) {
    deep = R"({"drawers":{")" + std::string(90, 'k') + R"(":{"folders":[)" + deep + "]}}}";
  }
  const auto error = why_not<Drawer>(repeated(R"({"folders":[)", deep, 20, "]}"));
  EXPECT_THAT(error, StartsWith("folders[0].drawers[\"kkkk"));
  EXPECT_THAT(error, HasSubstr(" ... "));
  EXPECT_THAT(error, HasSubstr(".folders[0]: expected object, got number; folders[1].drawers"));
  EXPECT_THAT(error, EndsWith("; and more"));
  EXPECT_LT(error.size(), 5'000u);
}

TEST(Error, CutsKeysBetweenTwoCharacters) {
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string key(shift, 'k');
    for (int i = 0; i < 100; ++i) key += "\xf0\x9f\x98\x80";
    EXPECT_TRUE(detail::is_utf8(why_not<Inner>(R"({"a":1,"map":{")" + key + R"(":"x"}})")))
        << shift;
  }
}

TEST(Error, EchoesNoValues) {
  for (const char* value : {R"("SECRET")", R"({"SECRET":1})", R"(["SECRET"])"}) {
    EXPECT_THAT(why_not<Int32>(valued<Int32>(value)), Not(HasSubstr("SECRET")));
    EXPECT_THAT(why_not<Coloured>(valued<Coloured>(value)), Not(HasSubstr("SECRET")));
    EXPECT_THAT(why_not<Bool>(valued<Bool>(value)), Not(HasSubstr("SECRET")));
  }
  EXPECT_THAT(why_not<Uint8>(R"({"v":31337})"), Not(HasSubstr("31337")));
  EXPECT_THAT(why_not<Bool>(R"({"SECRET":[1,}})"), Not(HasSubstr("SECRET")));
}

TEST(Error, CutsLongKeys) {
  EXPECT_LT(why_not<Inner>(R"({"a":1,"map":{")" + std::string(10'000, 'k') + R"(":"x"}})").size(),
            200u);
}

TEST(Error, OfWritingNamesThePath) {
  Everything model;
  model.by_name["n"].push_back({});
  model.by_name["n"].back().map["\xff"] = 1;
  EXPECT_EQ(to_json(model).error().message, R"(by_name["n"][0].map: a key is not valid UTF-8)");
  model.by_name.clear();
  model.score = std::nan("");
  EXPECT_EQ(to_json(model).error().message, "score: NaN and infinity cannot be written as JSON");
}

// ---- depth

std::string nested(std::size_t levels, const std::string& core = "") {
  return std::string(levels, '[') + core + std::string(levels, ']');
}

TEST(Depth, IsLimitedEverywhere) {
  EXPECT_TRUE(check_json(nested(256)));
  EXPECT_TRUE(check_json(nested(256, "1")));
  for (const std::size_t levels : {257u, 1'000u, 100'000u}) {
    EXPECT_THAT(check_json(nested(levels)).error().message, HasSubstr("nested deeper than 256"));
    EXPECT_FALSE(from_json<Bool>(R"({"v":true,"x":)" + nested(levels) + "}"));
    EXPECT_FALSE(from_json<Raw>(R"({"v":)" + nested(levels) + "}"));
    EXPECT_FALSE(check_json(std::string(levels, '[')));
  }
}

TEST(Depth, OfARecursiveModelIsLimited) {
  const auto tree = [](std::size_t levels) {
    std::string text = R"({"children":[]})";
    for (std::size_t i = 1; i < levels; ++i) text = R"({"children":[)" + text + "]}";
    return text;
  };
  EXPECT_TRUE(from_json<Node>(tree(128)));
  EXPECT_EQ(*to_json(*from_json<Node>(tree(128))), tree(128));
  const auto error = why_not<Node>(tree(1'000));
  EXPECT_THAT(error, HasSubstr("children[0].children[0]"));
  EXPECT_THAT(error, HasSubstr("nested deeper than 256 levels"));
}

// ---- RawJson

TEST(RawJson, IsReadVerbatim) {
  for (const char* value : {"null", "true", "-1.50e+10", R"("\u0041 x")", "[ 1 , 2 ]",
                            "{ \"a\" : [ ] }", "{}", "[[[]]]", "123456789012345678901234567890"}) {
    EXPECT_EQ(from_json<Raw>(std::string("{ \"v\" : ") + value + " \n }")->v.text, value);
    EXPECT_EQ(from_json<Raw>(std::string("{ \"v\" : ") + value + " \n , \"w\" : 1 }")->v.text,
              value);
    EXPECT_EQ(written<Raw>(RawJson{value}), valued<Raw>(value));
  }
}

TEST(RawJson, IsCheckedBothWays) {
  for (const char* value : {"", "[1,]", "nul", "1 2", "\"\xff\"", "{\"a\"}", "[\"\\x\"]"}) {
    EXPECT_EQ(why_not<Raw>(valued<Raw>(value)).empty(), false) << value;
    EXPECT_THAT(written<Raw>(RawJson{value}), HasSubstr("v: not valid JSON")) << value;
  }
}

TEST(CheckJson, TakesAnyOneValue) {
  for (const char* text :
       {"[[],{},[[]],1]", R"({"a":[],"b":{},"c":{"d":[]},"e":1})", "1", "-0", " true", "null \n\n",
        "\n false\n\n\n\n", "1\n\n\n", "\"x\"  ", "[]", "{}", "12345678901234567890123"}) {
    EXPECT_TRUE(check_json(text)) << text;
  }
  for (const char* text :
       {"",       "1 2",    "null null",   "\"a\" \"b\"", "[1]]",         "[1",
        "{,}",    "nulll",  "nan",         "1e999",       "'a'",          "/**/1",
        "\f1",    "[1}",    "\"\\ud800\"", "\x80",        "[\"a\"\"b\"]", "\"a\"b",
        "nullx ", "falsex", "1,2",         "],[",         "1]",           "[1],[2]",
        "1],[2",  "truex ", "null,"}) {
    EXPECT_FALSE(check_json(text)) << text;
  }
  for (const char* text :
       {"[[] 1]", "[{} 1]", R"({"a":[] "b":1})", "[[],]", "[,1]", R"({"a":{},})"}) {
    EXPECT_FALSE(check_json(text)) << text;
  }
  for (const char* text : {"null", "true", "1", "[]", "\"x\""}) {
    EXPECT_FALSE(check_json(std::string(text) + '\0')) << text;
  }
}

// ---- round trip, schema, names

TEST(Model, ComesBackAsItWent) {
  Everything model;
  model.text = "t\"\\\n\xe2\x82\xac";
  model.completions = {"", "x"};
  model.score = 0.1;
  model.by_name = {{"", {}}, {"k\n", {Inner{2, 3, {{"m", -1}}}}}};
  model.flags = {{"b", std::nullopt}};
  model.colour = Colour::green;
  model.raw.text = R"([1,{"a":null}])";
  model.class_ = "c";
  const auto text = *to_json(model);
  const auto again = from_json<Everything>(text);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*to_json(*again), text);
  EXPECT_EQ(again->by_name.at("k\n")[0].map.at("m"), -1);
  EXPECT_EQ(again->flags.at("b"), std::nullopt);
}

// ---- memory

struct Crowd {
  std::vector<std::string> texts;
  std::vector<double> numbers;
  std::map<std::string, int> by_name;
  std::vector<std::vector<std::string>> nested;
};
DOJO_MODEL(Crowd, DOJO_DEFAULT(texts), DOJO_DEFAULT(numbers), DOJO_DEFAULT(by_name),
           DOJO_DEFAULT(nested))

TEST(Memory, OfWhatIsReadIsBoundedByTheTextsSize) {
  constexpr std::size_t kTimes = 400'000;
  std::string keys = R"({"by_name":{)";
  for (std::size_t i = 0; i < kTimes; ++i)
    keys += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  const std::string nested = R"({"nested":[[""],)" + repeated("[", R"("")", kTimes, "]]}");
  for (const auto& [text, field] :
       {std::pair{repeated(R"({"texts":[)", R"("")", kTimes, "]}"), "texts: has more members"},
        {repeated(R"({"nested":[)", "[]", kTimes, "]}"), "nested: has more members"},
        {nested, "nested[1]: has more members"},
        {keys + "}}", "by_name: has more members"}}) {
    const auto read = from_json<Crowd>(text);
    ASSERT_FALSE(read) << field;
    EXPECT_EQ(read.error().code, Code::too_large);
    EXPECT_THAT(read.error().message, StartsWith(field));
    EXPECT_TRUE(check_json(text)) << "which keeps nothing";
  }
}

TEST(Memory, IsEnoughForNumbersHoweverShort) {
  constexpr std::size_t kTimes = 400'000;
  const auto read = from_json<Crowd>(repeated(R"({"numbers":[)", "0", kTimes, "]}"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->numbers.size(), kTimes);
  EXPECT_TRUE(from_json<Crowd>(repeated(R"({"texts":[)", R"("")", 30'000, "]}")));
}

TEST(Memory, GrowsWithTheTextUpToABound) {
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  EXPECT_EQ(json_budget(0), kMiB);
  EXPECT_EQ(json_budget(kMiB), 5 * kMiB);
  EXPECT_EQ(json_budget(16 * kMiB), 65 * kMiB);
  EXPECT_EQ(json_budget(60 * kMiB), 65 * kMiB);
  EXPECT_EQ(json_budget(100 * kMiB), 101 * kMiB);
}

struct Wide {
  int f00 = 0, f01 = 0, f02 = 0, f03 = 0, f04 = 0, f05 = 0, f06 = 0, f07 = 0, f08 = 0, f09 = 0,
      f10 = 0, f11 = 0, f12 = 0, f13 = 0, f14 = 0, f15 = 0, f16 = 0, f17 = 0, f18 = 0, f19 = 0,
      f20 = 0, f21 = 0, f22 = 0, f23 = 0, f24 = 0, f25 = 0, f26 = 0, f27 = 0, f28 = 0, f29 = 0,
      f30 = 0, f31 = 0, f32 = 0, f33 = 0, f34 = 0, f35 = 0, f36 = 0, f37 = 0, f38 = 0, f39 = 0,
      f40 = 0, f41 = 0, f42 = 0, f43 = 0, f44 = 0, f45 = 0, f46 = 0, f47 = 0, f48 = 0, f49 = 0,
      f50 = 0, f51 = 0, f52 = 0, f53 = 0, f54 = 0, f55 = 0, f56 = 0, f57 = 0, f58 = 0, f59 = 0,
      f60 = 0, f61 = 0, f62 = 0, f63 = 0;
};
DOJO_MODEL(Wide, f00, f01, f02, f03, f04, f05, f06, f07, f08, f09, f10, f11, f12, f13, f14, f15,
           f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33,
           f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49, f50, f51,
           f52, f53, f54, f55, f56, f57, f58, f59, f60, f61, f62, DOJO_DEFAULT(f63))

TEST(Model, MayHave64Fields) {
  Wide model;
  model.f63 = 63;
  model.f31 = 31;
  const auto again = from_json<Wide>(*to_json(model));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->f63, 63);
  EXPECT_EQ(again->f31, 31);
}

TEST(Model, IsCalledByItsUnqualifiedName) {
  EXPECT_EQ(model_name<Everything>(), "Everything");
  EXPECT_EQ(model_name<outer::inner::Qualified>(), "Qualified");
}

TEST(Schema, DescribesEveryKindOfField) {
  const auto schema = schema_of(json_schema<Everything>());
  EXPECT_STREQ(schema["$schema"].GetString(), "https://json-schema.org/draft/2020-12/schema");
  EXPECT_STREQ(schema["title"].GetString(), "Everything");
  EXPECT_STREQ(schema["type"].GetString(), "object");
  const auto& fields = schema["properties"];
  EXPECT_STREQ(fields["text"]["type"].GetString(), "string");
  EXPECT_STREQ(fields["completions"]["items"]["type"].GetString(), "string");
  EXPECT_STREQ(fields["score"]["anyOf"][0]["type"].GetString(), "number");
  EXPECT_STREQ(fields["score"]["anyOf"][1]["type"].GetString(), "null");
  EXPECT_STREQ(fields["by_name"]["additionalProperties"]["items"]["$ref"].GetString(),
               "#/$defs/Inner");
  EXPECT_STREQ(fields["nested"]["$ref"].GetString(), "#/$defs/Inner");
  EXPECT_STREQ(fields["colour"]["enum"][1].GetString(), "green");
  EXPECT_EQ(fields["top_k"]["maximum"].GetInt(), std::numeric_limits<int>::max());
  EXPECT_TRUE(fields["raw"].ObjectEmpty());
  EXPECT_TRUE(fields.HasMember("class"));
  EXPECT_STREQ(schema["$defs"]["Inner"]["title"].GetString(), "Inner");
}

TEST(Schema, RequiresWhatReadingRequires) {
  const auto schema = schema_of(json_schema<Everything>());
  std::vector<std::string> required;
  for (const auto& name : schema["required"].GetArray()) required.emplace_back(name.GetString());
  EXPECT_EQ(required, (std::vector<std::string>{"text", "completions", "by_name", "flags", "nested",
                                                "colour", "raw"}));
}

TEST(Schema, HoldsTheLimitsOf64Bits) {
  EXPECT_EQ(schema_of(json_schema<Uint64>())["properties"]["v"]["maximum"].GetUint64(),
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(schema_of(json_schema<Int64>())["properties"]["v"]["minimum"].GetInt64(),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(schema_of(json_schema<Int8>())["properties"]["v"]["minimum"].GetInt(), -128);
}

TEST(Schema, OfARecursiveModelRefersToItself) {
  const auto schema = schema_of(json_schema<Node>());
  EXPECT_STREQ(schema["properties"]["children"]["items"]["$ref"].GetString(), "#/$defs/Node");
  EXPECT_STREQ(schema["$defs"]["Node"]["properties"]["children"]["items"]["$ref"].GetString(),
               "#/$defs/Node");
}

// Two models of one name, and a third that is called as the second would be.
namespace first {
struct Part {
  int a = 0;
};
DOJO_MODEL(Part, a)
}  // namespace first
namespace second {
struct Part {
  std::string b;
  std::vector<Part> parts;
};
DOJO_MODEL(second::Part, b, parts)
}  // namespace second
struct Part_2 {  // NOLINT(readability-identifier-naming): the clash is the point
  bool c = false;
};
DOJO_MODEL(Part_2, c)
struct Parts {
  Part_2 c;
  first::Part a;
  second::Part b;
  std::vector<first::Part> again;
};
DOJO_MODEL(Parts, c, a, b, again)

TEST(Schema, OfTwoModelsOfOneNameHasBoth) {
  const auto schema = schema_of(json_schema<Parts>());
  const auto target = [&](const rapidjson::Value& field) -> const rapidjson::Value& {
    const std::string reference = field["$ref"].GetString();
    return schema["$defs"][reference.substr(std::string("#/$defs/").size()).c_str()];
  };
  const auto& fields = schema["properties"];
  EXPECT_TRUE(target(fields["a"])["properties"].HasMember("a"));
  EXPECT_TRUE(target(fields["b"])["properties"].HasMember("b"));
  EXPECT_TRUE(target(fields["c"])["properties"].HasMember("c"));
  EXPECT_EQ(&target(fields["again"]["items"]), &target(fields["a"]));
  const auto& inner = target(fields["b"])["properties"]["parts"]["items"];
  EXPECT_EQ(&target(inner), &target(fields["b"]));
  EXPECT_EQ(schema["$defs"].MemberCount(), 3u);
}

TEST(Code, WordsAreReadBack) {
  for (std::size_t i = 0; i < kCodeWords.size(); ++i) {
    EXPECT_EQ(parse_code(to_string(static_cast<Code>(i))), static_cast<Code>(i));
  }
  EXPECT_EQ(to_string(Code::draining), "draining");
  EXPECT_EQ(to_string(Code::no_session), "no-session");
  EXPECT_EQ(to_string(Code::no_signature), "unsigned");
  EXPECT_EQ(parse_code("no such word"), std::nullopt);
}

TEST(Model, HoldsWhatHoldsIt) {
  const std::string text = R"({"folders":[{"drawers":{"a":{"folders":[]}}}]})";
  EXPECT_EQ(*to_json(*from_json<Drawer>(text)), text);
}

TEST(Model, HasTheFieldsOfItsBaseIfItSaysSo) {
  const auto whole = from_json<Whole>(R"({"class":1,"own":2})");
  EXPECT_EQ(*to_json(*whole), R"({"class":1,"own":2})");
}

TEST(Model, HasAHundredAndTwentyEightFields) {
  Largest largest;
  largest.f127 = 7;
  const auto text = to_json(largest);
  EXPECT_THAT(*text, HasSubstr(R"("f126":0,"f127":7})"));
  EXPECT_EQ(from_json<Largest>(*text)->f127, 7);
}

}  // namespace
