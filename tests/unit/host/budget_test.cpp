#include "base/budget.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace dojo::base {
namespace {

Holder holder(unsigned number, bool registered = true) {
  Holder made;
  made.id[0] = static_cast<std::uint8_t>(number);
  made.id[1] = static_cast<std::uint8_t>(number >> 8);
  made.registered = registered;
  return made;
}

class ABudget : public testing::Test {
 protected:
  /// Takes pieces for a holder until there are no more. @return how many
  int take_all(const Holder& who, std::uint64_t piece) {
    for (int pieces = 0;; ++pieces) {
      Charge charge(budget, accounts.open(who));
      if (!charge.resize(piece)) return pieces;
      taken.push_back(std::move(charge));
    }
  }
  Accounts accounts;
  Budget budget{Resource::response_bytes, 1'000};
  std::vector<Charge> taken;
};

TEST_F(ABudget, GivesOneHolderAsMuchAsItLeavesFree) {
  EXPECT_EQ(take_all(holder(1), 10), 44) << "an eighth is a reserve";
  EXPECT_EQ(budget.held(), 440U);
  EXPECT_EQ(budget.refused(), 1U);
}

TEST_F(ABudget, LeavesRoomForEachNewcomerHoweverManyTakeAllTheyCan) {
  for (unsigned i = 1; i <= 60; ++i) {
    EXPECT_GE(take_all(holder(i), 1), 1) << i;
    EXPECT_LE(budget.held(), budget.limit());
    // What who holds most does when it is asked; no other is.
    std::erase_if(taken, [](const Charge& charge) { return charge.gives_way(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(51));  // asked once in 50
  }
}

TEST_F(ABudget, AsksForWhatIsAnnouncedToo) {
  take_all(holder(1), 10);
  take_all(holder(2), 10);
  const auto asks = accounts.asks();
  const auto refused = budget.refused();
  std::this_thread::sleep_for(std::chrono::milliseconds(51));  // asked once in 50
  EXPECT_FALSE(Charge(budget, accounts.open(holder(3))).may_grow(216));
  EXPECT_EQ(accounts.asks(), asks + 1) << "of the first, who has more than twice as much";
  EXPECT_EQ(budget.refused(), refused + 1);
}

TEST_F(ABudget, AsksNobodyWhereSlotsAreFreeSoon) {
  Budget slots(Resource::slots, 1'000);
  std::vector<Charge> held;
  for (unsigned i = 1; i <= 20; ++i) {
    for (int n = 0; n < 1'000; ++n) {
      held.emplace_back(slots, accounts.open(holder(i)));
      if (!held.back().resize(1)) break;
    }
  }
  EXPECT_EQ(accounts.asks(), 0U);
}

TEST_F(ABudget, GivesBackWhatTheHogHasToWhoComesNext) {
  take_all(holder(1), 10);
  taken.resize(25);
  EXPECT_EQ(budget.held(), 250U);
  EXPECT_GE(take_all(holder(2), 10), 31);
}

TEST_F(ABudget, KeepsAPartForThoseWhoAreRegistered) {
  for (unsigned i = 1; i <= 2'000; ++i) take_all(holder(i, false), 1);
  EXPECT_LE(budget.held(), 750U);
  EXPECT_GE(take_all(holder(1, true), 10), 6) << "the same key, once it is registered";
  EXPECT_GE(take_all(holder(2, true), 10), 3);
}

TEST_F(ABudget, LetsOneThingGrowIntoAllThatIsFree) {
  Charge other(budget, accounts.open(holder(2)));
  ASSERT_TRUE(other.resize(100));
  Charge body(budget, accounts.open(holder(1)));
  for (std::uint64_t size = 1; size <= 775; ++size) ASSERT_TRUE(body.resize(size)) << size;
  EXPECT_FALSE(body.resize(776)) << "of the reserve";
  EXPECT_EQ(body.amount(), 775U) << "nothing has changed";
}

TEST_F(ABudget, GivesByWeight) {
  accounts.open(holder(1));
  const auto heavy = accounts.open(holder(1));
  heavy->set_weight(3);
  EXPECT_EQ(take_all(holder(1), 10), 66);
  const auto strange = accounts.open(holder(2));
  strange->set_weight(1e300);
  EXPECT_LT(take_all(holder(2), 10), 22);
}

TEST_F(ABudget, CountsWhatIsThereAlready) {
  Charge charge(budget, accounts.open(holder(1)));
  charge.set(5'000);
  EXPECT_EQ(budget.held(), 5'000U);
  EXPECT_FALSE(Charge(budget, nullptr).may_grow(1));
  EXPECT_EQ(take_all(holder(2), 1), 0);
  charge.release();
  EXPECT_EQ(budget.held(), 0U);
}

TEST_F(ABudget, HandsOnWhatFits) {
  Charge charge(budget, accounts.open(holder(1, false)));
  ASSERT_TRUE(charge.resize(650));
  const auto other = accounts.open(holder(2));
  ASSERT_TRUE(charge.hand_to(other));
  EXPECT_EQ(other->held(Resource::response_bytes), 650U);
  EXPECT_EQ(accounts.open(holder(1, false))->held(Resource::response_bytes), 0U);
  Charge more(budget, accounts.open(holder(3)));
  more.set(900);
  EXPECT_FALSE(charge.hand_to(accounts.open(holder(3)))) << "who holds more than is free";
  EXPECT_EQ(charge.amount(), 650U);
  EXPECT_EQ(other->held(Resource::response_bytes), 650U);
}

TEST_F(ABudget, GivesTheLastPieceOfASmallOne) {
  Budget slots(Resource::slots, 1);
  Charge charge(slots, accounts.open(holder(1)));
  EXPECT_TRUE(charge.resize(1));
  Charge second(slots, accounts.open(holder(2)));
  EXPECT_FALSE(second.resize(1));
}

TEST_F(ABudget, ForgetsWhoHoldsNothing) {
  const auto kept = accounts.open(holder(1));
  EXPECT_EQ(accounts.open(holder(1)), kept);
  for (unsigned i = 2; i < 100; ++i) accounts.open(holder(i));
  EXPECT_EQ(accounts.size(), 1U);
}

TEST_F(ABudget, ComesOutEvenAfterManyThreads) {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 20'000; ++i) {
        Charge charge(budget, accounts.open(holder((i + t) % 5, i % 2 == 0)));
        (void)charge.resize(i % 300);
        (void)charge.hand_to(accounts.open(holder(i % 3)));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(budget.held(), 0U);
  EXPECT_EQ(accounts.size(), 0U);
  EXPECT_TRUE(Charge(budget, nullptr).may_grow(1'000));
}

}  // namespace
}  // namespace dojo::base
