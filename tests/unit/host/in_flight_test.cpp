#include "request/in_flight.hpp"

#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "host/support.hpp"

namespace dojo::request {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class InFlightTest : public testing::Test {
 protected:
  ExchangePtr exchange() {
    ExchangePtr made(new Exchange);
    made->route = {crew, 0, nullptr, Crew::Stay(*crew)};
    return made;
  }
  ExchangePtr open() {
    auto made = exchange();
    EXPECT_TRUE(calls.open(*made));
    return made;
  }

  test::NoServices services;
  std::shared_ptr<plugins::Generation> generation = test::load("test_behaviours", services);
  std::shared_ptr<Crew> crew = test::crew(generation);
  InFlight calls{4};
};

TEST_F(InFlightTest, FindsAnExchangeUntilItsSlotIsFree) {
  const auto made = open();
  EXPECT_NE(made->id, 0u);
  EXPECT_EQ(calls.find(made->id), made);
  EXPECT_EQ(calls.size(), 1u);
  calls.close(*made);
  EXPECT_EQ(calls.find(made->id), nullptr);
  EXPECT_EQ(calls.size(), 0u);
}

TEST_F(InFlightTest, KeepsWhatItHolds) {
  auto made = open();
  const auto id = made->id;
  made.reset();
  EXPECT_EQ(crew->open(), 1u);
  const auto found = calls.find(id);
  ASSERT_TRUE(found);
  calls.close(*found);
}

TEST_F(InFlightTest, HoldsNoMoreThanItsSlots) {
  std::vector<ExchangePtr> open_ones;
  open_ones.reserve(4);
  for (int i = 0; i < 4; ++i) open_ones.push_back(open());
  const auto more = exchange();
  EXPECT_FALSE(calls.open(*more));
  EXPECT_EQ(more->id, 0u);
  calls.close(*open_ones[2]);
  EXPECT_TRUE(calls.open(*more));
}

TEST_F(InFlightTest, NeverConfusesAnOldIdWithANewOneOfTheSameSlot) {
  std::set<dojo_request_id> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto made = open();
    EXPECT_NE(made->id, 0u);
    for (const auto old : seen) ASSERT_EQ(calls.find(old), nullptr);
    EXPECT_TRUE(seen.insert(made->id).second);
    calls.close(*made);
  }
}

TEST_F(InFlightTest, KnowsIdsItNeverGave) {
  const auto made = open();
  for (const dojo_request_id id : {dojo_request_id{0}, dojo_request_id{1}, dojo_request_id{99},
                                   ~dojo_request_id{0}, made->id + 1, made->id + (1u << 24)}) {
    EXPECT_EQ(calls.find(id), nullptr) << id;
  }
}

TEST_F(InFlightTest, WaitsUntilEveryOneIsAnswered) {
  const auto first = open();
  const auto second = open();
  EXPECT_FALSE(calls.wait_until_answered(Clock::now()));
  calls.answered();
  EXPECT_FALSE(calls.wait_until_answered(Clock::now() + 1ms));
  std::thread other([&] { calls.answered(); });
  EXPECT_TRUE(calls.wait_until_answered(Clock::now() + 1h));
  other.join();
  EXPECT_EQ(calls.size(), 2u) << "an answered one may still be with its plugin";
}

TEST_F(InFlightTest, WaitsNoLongerThanForTheLastAnswer) {
  for (int i = 0; i < 50; ++i) {  // whichever comes first, the answer or who waits for it
    const auto made = open();
    std::thread other([&] { calls.answered(); });
    EXPECT_TRUE(calls.wait_until_answered(Clock::now() + 1h));
    other.join();
    calls.close(*made);
  }
}

TEST_F(InFlightTest, VisitsThoseOfOneCrew) {
  const auto ours = open();
  const auto other_crew = test::crew(test::load("test_plugin_c", services));
  ExchangePtr theirs(new Exchange);
  theirs->route = {other_crew, 0, nullptr, Crew::Stay(*other_crew)};
  ASSERT_TRUE(calls.open(*theirs));
  std::vector<Exchange*> visited;
  calls.for_each_of(*crew, [&](Exchange& exchange) {
    visited.push_back(&exchange);
    calls.close(exchange);
  });
  EXPECT_EQ(visited, std::vector<Exchange*>{ours.get()});
  EXPECT_EQ(calls.size(), 1u);
  calls.close(*theirs);
}

TEST(Exchange, IsMovedByOneThreadOnly) {
  for (int round = 0; round < 300; ++round) {
    const ExchangePtr exchange(new Exchange);
    ASSERT_TRUE(exchange->move(Stage::coming, Stage::queued));
    ASSERT_TRUE(exchange->move(Stage::queued, Stage::taken));
    EXPECT_FALSE(exchange->move(Stage::queued, Stage::over)) << "a worker has it";
    ASSERT_TRUE(exchange->move(Stage::taken, Stage::running));
    std::atomic<int> ended{0};
    std::thread other([&] { ended += exchange->end() ? 1 : 0; });
    ended += exchange->move(Stage::running, Stage::over) ? 1 : 0;
    other.join();
    EXPECT_EQ(ended, 1);
  }
}

TEST(Exchange, IsAnsweredOnce) {
  struct Nobody {
    void on_deadline(Exchange&) {}
    void on_gone(Exchange&) {}
  } nobody;
  for (int round = 0; round < 300; ++round) {
    test::Inbox inbox(nobody);
    const auto exchange = inbox.exchange();
    const auto answer = [&] {
      if (auto responder = exchange->take_responder()) responder.send({});
    };
    std::thread other(answer);
    answer();
    other.join();
    EXPECT_EQ(inbox.answers(), 1);
    EXPECT_TRUE(exchange->answered());
  }
}

TEST(Exchange, WhoseResponderIsDroppedIsAnsweredWith500) {
  struct Nobody {
    void on_deadline(Exchange&) {}
    void on_gone(Exchange&) {}
  } nobody;
  test::Inbox inbox(nobody);
  const auto exchange = inbox.exchange();
  {
    const auto dropped = exchange->take_responder();
  }
  EXPECT_EQ(inbox.answer().status, 500);
}

}  // namespace
}  // namespace dojo::request
