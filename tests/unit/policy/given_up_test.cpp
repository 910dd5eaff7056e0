#include "policy/replay/given_up.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;

const std::chrono::sys_seconds kStart{1'800'000'000s};

TEST(GivenUp, KnowsTheLatestOfEachHolder) {
  GivenUp given_up;
  EXPECT_FALSE(given_up.concerns(kStart));
  given_up.note(7, kStart + 5s);
  given_up.note(8, kStart + 9s);
  given_up.note(7, kStart + 3s);
  EXPECT_EQ(given_up.until(7), kStart + 5s);
  EXPECT_EQ(given_up.until(8), kStart + 9s);
  EXPECT_LT(given_up.until(9), kStart);
  EXPECT_TRUE(given_up.concerns(kStart + 9s));
  EXPECT_FALSE(given_up.concerns(kStart + 10s));
}

TEST(GivenUp, OfNobodyIsEverybodys) {
  GivenUp given_up;
  given_up.note(7, kStart + 5s);
  given_up.note(kNobody, kStart + 6s);
  EXPECT_EQ(given_up.until(7), kStart + 6s);
  EXPECT_EQ(given_up.until(9), kStart + 6s);
}

TEST(GivenUp, TakesInEverybodyWhomItHasNoPlaceForTheEarliestFirst) {
  GivenUp given_up;
  constexpr HolderId kMany = 1'000;
  for (HolderId holder = 1; holder <= kMany; ++holder) {
    given_up.note(holder, kStart + std::chrono::seconds(holder));
  }
  const auto left = kStart + std::chrono::seconds(kMany - (GivenUp::kPlaces - 1));
  EXPECT_EQ(given_up.until(kMany + 1), left);
  for (HolderId holder = 1; holder <= kMany; ++holder) {
    EXPECT_EQ(given_up.until(holder), std::max(left, kStart + std::chrono::seconds(holder)));
  }
  given_up.note(kMany + 2, left);  // which it is already
  given_up.note(kMany + 3, left + 1s);
  EXPECT_EQ(given_up.until(kMany + 4), left + 1s);
}

TEST(GivenUp, TellsWhichPlacesAreOthers) {
  GivenUp written;
  GivenUp read;
  for (HolderId i = 1; i <= 3'000; ++i) {
    const auto holder = i * 7 % 500;
    for (const auto changed : written.note(holder, kStart + std::chrono::seconds(i % 900))) {
      if (changed) read.note(written.place(*changed).holder, written.place(*changed).until);
    }
    ASSERT_GE(read.until(holder), written.until(holder)) << i;
  }
}

}  // namespace
}  // namespace dojo::policy
