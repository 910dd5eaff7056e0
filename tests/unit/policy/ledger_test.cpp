#include "policy/ledger.hpp"

#include <array>
#include <cstdint>

#include <gtest/gtest.h>

namespace dojo::policy {
namespace {

using Key = std::array<std::uint8_t, 32>;

Key key(int number) {
  return {static_cast<std::uint8_t>(number)};
}

struct Debt {
  Nanoseconds due = 0;
  [[nodiscard]] bool settled(Nanoseconds now) const { return due <= now; }
};

class LedgerTest : public testing::Test {
 protected:
  void owe(int number, Nanoseconds due, Nanoseconds now = 0) {
    ledger.open(key(number), now)->due = due;
  }
  bool has(int number) { return static_cast<bool>(ledger.find(key(number))); }
  Ledger<Key, Debt> ledger{3};
};

TEST_F(LedgerTest, KeepsAccountsByKey) {
  EXPECT_FALSE(has(1));
  owe(1, 10);
  owe(2, 20);
  EXPECT_EQ(ledger.find(key(1))->due, 10);
  EXPECT_EQ(ledger.open(key(2), 0)->due, 20);
  EXPECT_EQ(ledger.size(), 2u);
}

TEST_F(LedgerTest, ForgetsTheSettledFirst) {
  owe(1, 10);
  owe(2, 5);
  owe(3, 10);
  owe(4, 10, 5);
  EXPECT_TRUE(has(1));
  EXPECT_FALSE(has(2));
  EXPECT_EQ(ledger.forgotten(), 0u);
}

TEST_F(LedgerTest, ForgetsWhoWasNotSeenForLongestIfAllOwe) {
  for (const int number : {1, 2, 3, 1}) owe(number, 10);  // 1 once more
  owe(4, 10);
  EXPECT_TRUE(has(1));
  EXPECT_FALSE(has(2));
  EXPECT_EQ(ledger.forgotten(), 1u);
}

TEST_F(LedgerTest, ForgetsNobodyWhoIsHeld) {
  for (int number = 1; number <= 3; ++number) {
    const auto account = ledger.open(key(number), 0);
    account.hold(true);
    account.hold(true);
  }
  owe(4, 10);
  owe(5, 10);
  EXPECT_EQ(ledger.size(), 4u) << "those that are held, and the last of the others";
  EXPECT_TRUE(has(1) && has(2) && has(3) && has(5));
  ledger.find(key(1)).hold(false);
  owe(6, 10);
  EXPECT_FALSE(has(5));
  EXPECT_FALSE(has(1)) << "what was too much goes too";
  EXPECT_EQ(ledger.size(), 3u);
}

TEST_F(LedgerTest, TakesMoreOrFewerAtRunTime) {
  ledger.resize(5);
  for (int number = 1; number <= 5; ++number) owe(number, 10);
  EXPECT_EQ(ledger.size(), 5u);
  ledger.resize(2);
  owe(6, 10);
  EXPECT_EQ(ledger.size(), 2u);
  EXPECT_TRUE(has(6));
}

}  // namespace
}  // namespace dojo::policy
