#include "text/terminal.hpp"

#include <string>

#include <gtest/gtest.h>

#include <dojo/model.hpp>

namespace dojo::text {
namespace {

TEST(Escaped, LeavesWhatPeopleWrite) {
  for (const std::string_view text :
       {"", "plain text \\ \"quoted\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x80\x93",
        "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xc2\xa0", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(escaped(text), text);
    EXPECT_EQ(escaped_json(text), text);
  }
}

TEST(Escaped, LeavesNothingThatATerminalObeys) {
  for (int byte = 0; byte < 0x20; ++byte) {
    EXPECT_EQ(escaped(std::string(1, static_cast<char>(byte))).size(), 4U) << byte;
  }
  EXPECT_EQ(escaped("\x7f"), "\\x7f");
  for (int byte = 0x80; byte < 0xa0; ++byte) {  // C1, as a character and as a byte
    const std::string text = {'\xc2', static_cast<char>(byte)};
    EXPECT_EQ(escaped(text).size(), 8U) << byte;
    EXPECT_EQ(escaped(text.substr(1)).size(), 4U) << byte;
  }
  for (const std::string_view text :
       {"\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaa",
        "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9"}) {
    EXPECT_EQ(escaped(text).size(), 4 * text.size());
  }
}

TEST(Escaped, LeavesNoBytesThatAreNoUtf8) {
  // Cut short, too long a form, a surrogate, beyond U+10FFFF, a byte that none begins with.
  for (const std::string_view text :
       {"\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc0\x9b", "\xe0\x82\x9b", "\xf0\x80\x82\x9b",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\x9b"}) {
    EXPECT_EQ(escaped(text).size(), 4 * text.size());
  }
  EXPECT_EQ(escaped("\xc3z"), "\\xc3z");
}

TEST(Escaped, KeepsWhatItIsToldTo) {
  EXPECT_EQ(escaped("a\tb\nc\r", "\n\t"), "a\tb\nc\\x0d");
}

TEST(EscapedJson, IsTheSameJson) {
  const std::string json = "{\n\t\"a\x7f\": \"\xc2\x9b\xe2\x80\xae\xd8\x9c \\u001b\"\r\n}";
  const auto shown = escaped_json(json);
  EXPECT_EQ(shown, "{\n\t\"a\\u007f\": \"\\u009b\\u202e\\u061c \\u001b\"\r\n}");
  EXPECT_TRUE(check_json(shown));
  EXPECT_EQ(escaped_json("\"\xff\""), "\"\\ufffd\"");
}

}  // namespace
}  // namespace dojo::text
