#include "pipeline/in_flight.hpp"

#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "host/support.hpp"

namespace dojo::pipeline {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::Inbox;

class InFlightTest : public testing::Test {
 protected:
  std::unique_ptr<Call> call(Inbox& inbox, Clock::time_point deadline = Clock::now() + 1h) {
    auto made = std::make_unique<Call>();
    made->route = {crew, 0, nullptr, Crew::Place(*crew)};
    made->terms.request_id = "trace";
    made->caller.hotkey = "5Hotkey";
    made->deadline = deadline;
    made->waiting = inbox.end();
    return made;
  }
  dojo_request_id open(Inbox& inbox, Clock::time_point deadline = Clock::now() + 1h) {
    auto made = call(inbox, deadline);
    return calls.open(made).value();
  }
  /// As far as the plugin's hands.
  void hand_over(dojo_request_id id) {
    ASSERT_NE(calls.start(id), nullptr);
    calls.hand_over(id);
  }

  test::NoServices services;
  std::shared_ptr<plugins::Generation> generation = test::load("test_behaviours", services);
  std::shared_ptr<Crew> crew = test::crew(generation);
  InFlight calls{4};
};

TEST_F(InFlightTest, EndsACallOnce) {
  Inbox inbox;
  const auto id = open(inbox);
  hand_over(id);
  const auto ended = calls.close(id, generation.get());
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->waiting);
  EXPECT_EQ(calls.close(id, generation.get()), nullptr);
  EXPECT_EQ(calls.close(id, nullptr), nullptr);
  EXPECT_EQ(calls.size(), 0u);
}

TEST_F(InFlightTest, HoldsNoMoreThanItsSlots) {
  Inbox inbox;
  std::vector<dojo_request_id> ids;
  ids.reserve(4);
  for (int i = 0; i < 4; ++i) ids.push_back(open(inbox));
  auto more = call(inbox);
  EXPECT_EQ(calls.open(more), std::nullopt);
  ASSERT_TRUE(more) << "the call must be left with who brought it";
  calls.close(ids[2], nullptr);
  EXPECT_TRUE(calls.open(more));
}

TEST_F(InFlightTest, NeverConfusesAnOldIdWithANewOneOfTheSameSlot) {
  Inbox inbox;
  std::set<dojo_request_id> seen;
  dojo_request_id first = 0;
  dojo_request_id last = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto id = open(inbox);
    EXPECT_NE(id, 0u);
    EXPECT_TRUE(seen.insert(id).second);
    if (i > 0) {
      for (const auto old : {first, last}) {
        EXPECT_EQ(calls.close(old, nullptr), nullptr);
        EXPECT_EQ(calls.start(old), nullptr);
        EXPECT_TRUE(calls.cancelled(old));
        EXPECT_EQ(calls.trace(old), "");
      }
    }
    EXPECT_TRUE(calls.close(id, nullptr));
    if (i == 0) first = id;
    last = id;
  }
}

TEST_F(InFlightTest, GivesACallToNobodyButItsPlugin) {
  const auto other = test::load("test_plugin_c", services);
  Inbox inbox;
  const auto id = open(inbox);
  hand_over(id);
  EXPECT_EQ(calls.close(id, other.get()), nullptr);
  EXPECT_TRUE(calls.close(id, generation.get()));
}

TEST_F(InFlightTest, GivesACallToItsPluginOnlyOnceItHasBeenHandedOver) {
  Inbox inbox;
  const auto id = open(inbox);
  EXPECT_EQ(calls.close(id, generation.get()), nullptr) << "a guessed id";
  ASSERT_NE(calls.start(id), nullptr);
  EXPECT_EQ(calls.close(id, generation.get()), nullptr) << "a worker still works on it";
  calls.hand_over(id);
  EXPECT_TRUE(calls.close(id, generation.get()));
}

TEST_F(InFlightTest, StartsACallOnce) {
  Inbox inbox;
  const auto id = open(inbox);
  EXPECT_NE(calls.start(id), nullptr);
  EXPECT_EQ(calls.start(id), nullptr);
}

TEST_F(InFlightTest, KnowsIdsItNeverGave) {
  for (const dojo_request_id id : {dojo_request_id{0}, dojo_request_id{5}, ~dojo_request_id{0}}) {
    EXPECT_EQ(calls.start(id), nullptr);
    EXPECT_EQ(calls.close(id, nullptr), nullptr);
    EXPECT_TRUE(calls.cancelled(id));
    EXPECT_EQ(calls.trace(id), "");
  }
}

TEST_F(InFlightTest, FreesAQueuedCallAtItsDeadline) {
  Inbox inbox;
  const auto now = Clock::now();
  const auto id = open(inbox, now);
  EXPECT_TRUE(calls.take_overdue(now - 1ns).empty());
  const auto overdue = calls.take_overdue(now);
  ASSERT_EQ(overdue.size(), 1u);
  EXPECT_FALSE(overdue[0].running);
  EXPECT_EQ(overdue[0].terms.request_id, "trace");
  EXPECT_EQ(overdue[0].caller.hotkey, "5Hotkey");
  EXPECT_EQ(calls.size(), 0u);
  EXPECT_EQ(calls.start(id), nullptr);
}

TEST_F(InFlightTest, KeepsARunningCallInItsSlotPastItsDeadline) {
  Inbox inbox;
  const auto now = Clock::now();
  const auto id = open(inbox, now);
  hand_over(id);
  const auto overdue = calls.take_overdue(now);
  ASSERT_EQ(overdue.size(), 1u);
  EXPECT_TRUE(overdue[0].running);
  EXPECT_TRUE(calls.cancelled(id));
  EXPECT_EQ(calls.size(), 1u);
  EXPECT_TRUE(calls.take_overdue(now).empty()) << "answered for twice";
  EXPECT_TRUE(calls.wait_until_answered(Clock::now()));
  const auto late = calls.close(id, generation.get());
  ASSERT_TRUE(late);
  EXPECT_FALSE(late->waiting);
}

TEST_F(InFlightTest, KnowsWhenNobodyWaitsAnyMore) {
  Inbox inbox;
  const auto id = open(inbox);
  EXPECT_FALSE(calls.cancelled(id));
  inbox.abandon();
  EXPECT_TRUE(calls.cancelled(id));
}

TEST_F(InFlightTest, WaitsUntilEveryCallIsAnswered) {
  Inbox inbox;
  const auto first = open(inbox);
  const auto second = open(inbox);
  EXPECT_FALSE(calls.wait_until_answered(Clock::now()));
  calls.close(first, nullptr);
  EXPECT_FALSE(calls.wait_until_answered(Clock::now() + 1ms));
  std::thread other([&] { calls.close(second, nullptr); });
  EXPECT_TRUE(calls.wait_until_answered(Clock::now() + 20s));
  other.join();
}

TEST_F(InFlightTest, IsCleared) {
  Inbox inbox;
  const auto now = Clock::now();
  open(inbox);
  hand_over(open(inbox, now));
  calls.take_overdue(now);
  const auto other = test::crew(test::load("test_plugin_c", services));
  EXPECT_EQ(calls.clear(*other), 0u) << "these are another crew's";
  EXPECT_EQ(calls.clear(*crew), 2u);
  EXPECT_EQ(crew->open(), 0u);
  EXPECT_EQ(calls.size(), 0u);
  EXPECT_TRUE(calls.wait_until_answered(now));
}

TEST_F(InFlightTest, GivesUpACrewsCalls) {
  Inbox inbox;
  const auto queued = open(inbox);
  const auto running = open(inbox);
  hand_over(running);
  const auto taken = calls.take_waiting(*crew);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(calls.start(queued), nullptr) << "nobody has it, so it is over";
  EXPECT_TRUE(calls.cancelled(running)) << "its plugin may still read it";
  EXPECT_EQ(calls.size(), 1u);
}

TEST_F(InFlightTest, TellsOnceThatNobodyWaits) {
  Inbox inbox;
  const auto id = open(inbox);
  inbox.abandon();
  EXPECT_TRUE(calls.take_idle().empty()) << "no plugin has it yet";
  hand_over(id);
  const auto idle = calls.take_idle();
  ASSERT_EQ(idle.size(), 1u);
  EXPECT_EQ(idle[0].id, id);
  EXPECT_EQ(idle[0].crew, crew);
  EXPECT_TRUE(calls.take_idle().empty());
}

TEST_F(InFlightTest, PutsACallBackThatWasOnlyLookedAt) {
  Inbox inbox;
  const auto now = Clock::now();
  const auto id = open(inbox, now);
  ASSERT_NE(calls.start(id), nullptr);
  EXPECT_TRUE(calls.put_back(id));
  ASSERT_NE(calls.start(id), nullptr);
  EXPECT_EQ(calls.take_overdue(now).size(), 1u);
  EXPECT_FALSE(calls.put_back(id)) << "its deadline has passed meanwhile";
  EXPECT_EQ(calls.size(), 0u);
}

TEST_F(InFlightTest, AnswersEachCallOnceWhateverRaces) {
  // A plugin that completes and a deadline that passes, over and over.
  std::atomic<int> taken{0};
  for (int round = 0; round < 300; ++round) {
    Inbox inbox;
    const auto now = Clock::now();
    const auto id = open(inbox, now);
    hand_over(id);
    std::thread deadline([&] { taken += static_cast<int>(calls.take_overdue(now).size()); });
    if (const auto ended = calls.close(id, generation.get()); ended && ended->waiting) ++taken;
    deadline.join();
    EXPECT_EQ(taken, round + 1);
    EXPECT_EQ(calls.size(), 0u);
  }
}

}  // namespace
}  // namespace dojo::pipeline
