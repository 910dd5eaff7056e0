#include "plugins/deploy/probation.hpp"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "host/idle_generation.hpp"

namespace dojo::plugins {
namespace {

const ReloadOptions kOptions;  // 50 percent, two callers

TEST(Probation, IsFailedIfItFailsForMany) {
  EXPECT_TRUE(fails_probation({1, 1}, 0, kOptions));
  EXPECT_TRUE(fails_probation({0.5, 0.5, 0.5}, 0, kOptions));
  EXPECT_TRUE(fails_probation({1, 1, 0, 0}, 0, kOptions));
  EXPECT_FALSE(fails_probation({0.4, 0.5, 0.4}, 0, kOptions));
  EXPECT_FALSE(fails_probation({}, 0, kOptions));
}

TEST(Probation, IsFailedFromItsPercentageOn) {
  ReloadOptions options;
  for (std::uint32_t percent = 1; percent <= 100; ++percent) {
    options.probation_failures = percent;
    for (const double before : {0.0, 0.3, 0.9}) {
      const double edge = before + (1 - before) * percent / 100;
      EXPECT_TRUE(fails_probation({edge, edge}, before, options)) << percent << ' ' << before;
      const double below = edge - 1e-6;
      EXPECT_FALSE(fails_probation({below, below}, before, options)) << percent << ' ' << before;
    }
  }
}

TEST(Probation, IsNotFailedForOneCaller) {
  EXPECT_FALSE(fails_probation({1}, 0, kOptions));
  EXPECT_FALSE(fails_probation({1, 0}, 0, kOptions));
  EXPECT_FALSE(fails_probation({1, 0.45, 0.45}, 0, kOptions));
  ReloadOptions alone;
  alone.probation_callers = 1;
  EXPECT_TRUE(fails_probation({1}, 0, alone));
}

TEST(Probation, IsNotFailedForWhatFailedBefore) {
  EXPECT_FALSE(fails_probation({0.6, 0.6}, 0.6, kOptions));
  EXPECT_FALSE(fails_probation({0.7, 0.7}, 0.5, kOptions));
  EXPECT_TRUE(fails_probation({0.8, 0.8}, 0.6, kOptions));
  EXPECT_TRUE(fails_probation({1, 1}, 0.9, kOptions));
  EXPECT_FALSE(fails_probation({1, 1}, 1, kOptions)) << "it cannot be worse";
}

TEST(Probation, CountsEveryCallerOnce) {
  EXPECT_DOUBLE_EQ(failure_rate({1, 0, 0.5, 0.5}), 0.5);
  EXPECT_DOUBLE_EQ(failure_rate({}), 0);
}

TEST(Probation, MayBeTurnedOff) {
  ReloadOptions never;
  never.probation_failures = 101;
  EXPECT_FALSE(fails_probation({1, 1, 1}, 0, never));
}

TEST(Probation, SaysNothingOfFewRequests) {
  test::CountedRoster roster;
  const test::IdleGeneration generation("score", "aa");
  const Probation probation(roster, kOptions);  // from 20 requests on
  roster.failures = {1, 0.5};
  roster.counted = {.answered = 5, .failed = 14};
  EXPECT_EQ(probation.failing(generation), 0);
  EXPECT_FALSE(probation.failure(generation, 0));
  ++roster.counted.answered;
  EXPECT_EQ(probation.failing(generation), 0.75);
  EXPECT_EQ(probation.failure(generation, 0), "14 of its first 20 requests failed, of 2 callers");
  EXPECT_FALSE(probation.failure(generation, 0.6)) << "as the one before";
}

}  // namespace
}  // namespace dojo::plugins
