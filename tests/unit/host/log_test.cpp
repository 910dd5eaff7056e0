#include "base/log.hpp"

#include <algorithm>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "base/log_budget.hpp"
#include "host/support.hpp"

namespace dojo::host {
namespace {

using test::Lines;
using testing::EndsWith;
using testing::HasSubstr;

std::string text_of(std::string_view value) {
  const Lines lines;
  lines.log().info("said", {{"value", value}});
  return lines.text();
}

TEST(TextLog, IsALineWithFields) {
  const Lines lines;
  lines.log().warning("something is odd", {{"a", "1"}, {"b", "two words"}, {"empty", ""}});
  EXPECT_THAT(lines.text(), EndsWith("warning something is odd a=1 b=\"two words\" empty=\"\"\n"));
}

TEST(TextLog, LetsNobodyForgeALine) {
  const auto text = text_of("x\n2026-01-01 error forged\r\n");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, HasSubstr(R"(value="x\x0a2026-01-01 error forged\x0d\x0a")"));
}

TEST(TextLog, LetsNobodyForgeAField) {
  EXPECT_THAT(text_of("a code=ok"), EndsWith("value=\"a code=ok\"\n"));
  EXPECT_THAT(text_of("a\" code=\"ok"), EndsWith(R"(value="a\" code=\"ok")"
                                                 "\n"));
  EXPECT_THAT(text_of("a\\"), EndsWith(R"(value="a\\")"
                                       "\n"));
}

TEST(TextLog, LetsNobodyMoveTheCursor) {
  // ESC, DEL, and the C1 control CSI as a byte and as UTF-8.
  EXPECT_THAT(text_of("\x1b[2J\x7f"), EndsWith("value=\\x1b[2J\\x7f\n"));
  EXPECT_THAT(text_of("\x9b\x32J"), EndsWith("value=\\x9b2J\n"));
  EXPECT_THAT(text_of("\xc2\x9b\x32J"), EndsWith("value=\\xc2\\x9b2J\n"));
  // RIGHT-TO-LEFT OVERRIDE, LINE SEPARATOR, isolates.
  EXPECT_THAT(text_of("\xe2\x80\xae"), EndsWith("value=\\xe2\\x80\\xae\n"));
  EXPECT_THAT(text_of("\xe2\x80\xa8"), EndsWith("value=\\xe2\\x80\\xa8\n"));
  EXPECT_THAT(text_of("\xe2\x81\xa6"), EndsWith("value=\\xe2\\x81\\xa6\n"));
}

TEST(TextLog, LetsNobodyTurnTheWriting) {
  // ARABIC LETTER MARK, LEFT-TO-RIGHT and RIGHT-TO-LEFT MARK.
  EXPECT_THAT(text_of("\xd8\x9c"), EndsWith("value=\\xd8\\x9c\n"));
  EXPECT_THAT(text_of("\xe2\x80\x8e"), EndsWith("value=\\xe2\\x80\\x8e\n"));
  EXPECT_THAT(text_of("\xe2\x80\x8f"), EndsWith("value=\\xe2\\x80\\x8f\n"));
}

TEST(TextLog, ShowsWhatOtherLanguagesWrite) {
  const std::string_view text = "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x80\x93";
  EXPECT_THAT(text_of(text), EndsWith("value=" + std::string(text) + "\n"));
}

TEST(TextLog, EscapesWhatIsNoUtf8) {
  EXPECT_THAT(text_of("a\xff\xc3"), EndsWith("value=a\\xff\\xc3\n"));
  EXPECT_THAT(text_of("\xf0\x9f"), EndsWith("value=\\xf0\\x9f\n"));
}

TEST(TextLog, EscapesTheMessageToo) {
  const Lines lines;
  lines.log().info("two\nlines");
  EXPECT_THAT(lines.text(), EndsWith("two\\x0alines\n"));
}

TEST(TextLog, LetsNoMessageForgeAField) {
  const Lines lines;
  lines.log().warning("done plugin=other level=error", {{"plugin", "p"}});
  EXPECT_THAT(lines.text(), EndsWith("warning \"done plugin=other level=error\" plugin=p\n"));
  lines.log().warning("a\" plugin=other b=\"", {{"plugin", "p"}});
  EXPECT_THAT(lines.text(), EndsWith(R"(warning "a\" plugin=other b=\"" plugin=p)"
                                     "\n"));
}

TEST(JsonLog, LetsNobodyMoveTheCursorOrTurnTheWriting) {
  // C0, DEL, C1, a line separator and three bidi controls, in the message and in a field.
  const std::string_view text = "\x1b\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6\xd8\x9c";
  const Lines lines(base::LogFormat::json);
  lines.log().warning(text, {{"value", text}});
  const auto line = lines.text();
  EXPECT_EQ(lines.count("\\u007f\\u009b\\u2028\\u202e\\u2066\\u061c"), 2U) << line;
  EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }))
      << line;
}

TEST(Log, CutsWhatHasNoEnd) {
  EXPECT_LT(text_of(std::string(1 << 20, 'x')).size(), 5'000u);
  const Lines lines(base::LogFormat::json);
  lines.log().info(std::string(1 << 20, 'x'), {{"value", std::string(1 << 20, 'y')}});
  EXPECT_LT(lines.text().size(), 10'000u);
}

TEST(LogBudget, IsOfLinesAndOfBytesASecond) {
  const Lines lines;
  base::LogBudget budget(lines.log(), "stale");
  constexpr std::int64_t kSecond = 7;
  for (std::uint64_t i = 0; i < base::LogBudget::kLinesPerSecond; ++i) {
    EXPECT_TRUE(budget.take_in(kSecond, 1));
  }
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(budget.take_in(kSecond, 1));
  EXPECT_EQ(lines.text(), "");
  EXPECT_TRUE(budget.take_in(kSecond + 1, base::LogBudget::kBytesPerSecond));
  EXPECT_THAT(lines.text(),
              EndsWith("more lines of one kind than are logged kind=stale left_out=5\n"));
  EXPECT_FALSE(budget.take_in(kSecond + 1, 1));
  EXPECT_TRUE(budget.take_in(kSecond + 2, 1));
  EXPECT_THAT(lines.text(), EndsWith("kind=stale left_out=1\n"));
}

TEST(JsonLog, IsOneObjectALine) {
  for (const std::string_view value : {"plain", "two\nlines", "\"quoted\"\\", "\x1b[2J", "\xff\xfe",
                                       "\xf0\x9f", "\xe2\x82\xac", ""}) {
    const Lines lines(base::LogFormat::json);
    lines.log().error("said", {{"value", value}});
    const auto text = lines.text();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    rapidjson::Document line;
    line.Parse(text.data(), text.size());
    ASSERT_FALSE(line.HasParseError()) << text;
    EXPECT_STREQ(line["level"].GetString(), "error");
    EXPECT_STREQ(line["message"].GetString(), "said");
    EXPECT_TRUE(check_json(text)) << text;
    if (dojo::detail::is_utf8(value)) {
      EXPECT_EQ(std::string(line["value"].GetString()), std::string(value));
    }
  }
}

TEST(TextLog, ShowsNumbersAsTheyAre) {
  const Lines lines;
  lines.log().info("n", {{"a", 1}, {"b", -2L}, {"c", std::size_t{3}}, {"d", 0.5}, {"e", true}});
  EXPECT_THAT(lines.text(), EndsWith(" n a=1 b=-2 c=3 d=0.5 e=true\n"));
}

TEST(JsonLog, HasNumbersAsNumbers) {
  const Lines lines(base::LogFormat::json);
  lines.log().info("n", {{"a", 1},
                         {"b", std::numeric_limits<std::int64_t>::min()},
                         {"c", std::numeric_limits<std::uint64_t>::max()},
                         {"d", 0.5},
                         {"e", true},
                         {"f", std::numeric_limits<double>::quiet_NaN()},
                         {"g", "7"}});
  EXPECT_THAT(lines.text(), HasSubstr(R"("a":1,"b":-9223372036854775808,"c":18446744073709551615,)"
                                      R"("d":0.5,"e":true,"f":null,"g":"7"})"));
}

TEST(JsonLog, StatesTheTimeAsIso8601) {
  const Lines lines(base::LogFormat::json);
  lines.log().info("now");
  EXPECT_THAT(
      lines.text(),
      testing::ContainsRegex(
          R"("time":"20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9][0-9][0-9]Z")"));
}

TEST(Log, KnowsItsLevels) {
  for (const char* level : {"debug", "info", "warning", "error", "off"}) {
    EXPECT_TRUE(base::Log::open(level, base::LogFormat::text)) << level;
  }
  EXPECT_THAT(base::Log::open("loud", base::LogFormat::text).error().message,
              HasSubstr("debug, info, warning, error, off"));
  EXPECT_TRUE(base::Log::open("debug", base::LogFormat::text)->debugs());
  EXPECT_FALSE(base::Log::open("info", base::LogFormat::text)->debugs());
}

}  // namespace
}  // namespace dojo::host
