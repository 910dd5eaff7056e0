#include "hex.hpp"

#include <array>

#include <gtest/gtest.h>

namespace dojo::wire {
namespace {

TEST(Hex, WritesLowerCase) {
  EXPECT_EQ(encode_hex(std::array<std::uint8_t, 3>{0x00, 0xaB, 0xff}), "00abff");
  EXPECT_EQ(encode_hex({}), "");
}

TEST(Hex, ReadsBothCases) {
  std::array<std::uint8_t, 2> out{};
  ASSERT_TRUE(decode_hex("aBCd", out));
  EXPECT_EQ(out, (std::array<std::uint8_t, 2>{0xab, 0xcd}));
}

TEST(Hex, RefusesEverythingElse) {
  std::array<std::uint8_t, 2> out{};
  for (const auto* wrong : {"", "abc", "abcdef", "ab c", "ab:c", "abcg", "0xab", "abc\n"}) {
    EXPECT_FALSE(decode_hex(wrong, out)) << wrong;
  }
}

}  // namespace
}  // namespace dojo::wire
