#include "policy/gcra.hpp"

#include <cstdint>

#include <gtest/gtest.h>

namespace dojo::policy {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds kNow = 1'000'000 * kSecond;

/// How many units go through at once.
int burst(Account& account, const Pace& pace, Nanoseconds now) {
  int passed = 0;
  for (; passed < 1'000 && account.wait(pace, 1, now) == 0; ++passed) account.charge(pace, 1, now);
  return passed;
}

TEST(Gcra, LimitsNothingUnlessToldTo) {
  EXPECT_FALSE(Pace());
  EXPECT_FALSE(Pace(Rate{0, 5}));
  EXPECT_TRUE(Pace(Rate{0.1, 5}));
}

TEST(Gcra, LetsABurstThroughAndThenTheRate) {
  const Pace pace(Rate{3, 7});  // a third of a second is no whole number of nanoseconds
  Account account;
  EXPECT_EQ(burst(account, pace, kNow), 7);
  const auto wait = account.wait(pace, 1, kNow);
  EXPECT_NEAR(static_cast<double>(wait), kSecond / 3.0, 7) << "a nanosecond a unit is rounded";
  EXPECT_EQ(account.wait(pace, 1, kNow + wait - 1), 1);
  EXPECT_EQ(burst(account, pace, kNow + wait), 1);
  EXPECT_EQ(burst(account, pace, kNow + 60 * kSecond), 7);
}

TEST(Gcra, LetsMoreThanABurstThroughOnceNothingIsOwed) {
  const Pace pace(Rate{1'000, 2'000});
  Account account;
  account.charge(pace, 1, kNow);
  EXPECT_EQ(account.wait(pace, 10'000, kNow), kSecond / 1'000);
  account.charge(pace, 10'000, kNow);
  EXPECT_EQ(account.wait(pace, 0, kNow), 10'001 * kSecond / 1'000 - 2 * kSecond);
}

TEST(Gcra, IsFasterForMoreWeight) {
  const Pace pace(Rate{1, 10});
  EXPECT_EQ(pace.times(4).cost(1), kSecond / 4);
  EXPECT_EQ(pace.times(0).cost(1), kSecond) << "of no weight at all is no pace";
}

TEST(Gcra, StandsAbsurdNumbers) {
  const Pace pace(Rate{1e-300, 1e300});
  EXPECT_LT(pace.cost(1e300), INT64_MAX / 4) << "so that times can be added to it";
  EXPECT_LT(pace.limit(), INT64_MAX / 4);
}

}  // namespace
}  // namespace dojo::policy
