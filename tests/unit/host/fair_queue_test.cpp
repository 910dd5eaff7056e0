// The order alone, in a time of its own: nothing here waits for anything.
#include "request/fair_queue.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "request/gate.hpp"

namespace dojo::request {
namespace {

using namespace std::chrono_literals;
using Time = Task::Time;
using Wait = FairQueue::Wait;

wire::PublicKey key(unsigned number) {
  wire::PublicKey made{};
  made[0] = static_cast<std::uint8_t>(number);
  made[1] = static_cast<std::uint8_t>(number >> 8);
  return made;
}

/// Servers that take from a queue whenever one of them is free.
class Simulation {
 public:
  Simulation(unsigned servers, Wait service) : queue(servers), service_(service), free_(servers) {
    for (auto& time : free_) time = now;
  }

  Task make(unsigned caller, double weight = 1, Wait deadline = 24h) {
    Task task;
    task.id = task.sequence = ++last_;
    task.caller = key(caller);
    task.weight = weight;
    task.arrived = now;
    task.deadline = now + deadline;
    return task;
  }
  dojo_request_id push(unsigned caller, double weight = 1, Wait deadline = 24h) {
    return push(make(caller, weight, deadline));
  }
  dojo_request_id push(Task task) {
    const auto id = task.id;
    queue.push(std::move(task), now);
    return id;
  }
  /// Lets time pass, and servers take what they can meanwhile.
  void run_until(Time end) {
    for (;;) {
      const auto next = std::min_element(free_.begin(), free_.end());
      const auto when = std::max(*next, now);
      if (queue.empty() || when > end) break;
      now = when;
      auto task = queue.pop(now);
      if (task.deadline <= now) {  // dropped, in no time
        missed.push_back(task.id);
        continue;
      }
      const auto took = costs ? costs(task) : duration();
      *next = now + took;
      if (costs) queue.worked(task.caller, task.charged, took, now);
      spent[task.caller[0]] += took;
      ++served[task.caller[0]];
      longest[task.caller[0]] = std::max(longest[task.caller[0]], now - task.arrived);
      order.push_back(task.id);
      at[task.id] = now;
    }
    now = std::max(now, end);
  }
  void run_for(Wait time) { run_until(now + time); }
  void run_all() {
    while (!queue.empty()) run_for(service_);
  }

  std::function<Wait(const Task&)> costs;  // then each pays what it costs
  std::map<unsigned, Wait> spent;
  std::function<double(std::mt19937&)> jitter = [](std::mt19937&) { return 1.0; };
  Time now = Time(1'000h);
  FairQueue queue;
  std::map<unsigned, int> served;
  std::map<unsigned, Wait> longest;
  std::map<dojo_request_id, Time> at;
  std::vector<dojo_request_id> order;
  std::vector<dojo_request_id> missed;
  std::mt19937 random{7};

 private:
  Wait duration() {
    return Wait(static_cast<std::int64_t>(static_cast<double>(service_.count()) * jitter(random)));
  }
  Wait service_;
  std::vector<Time> free_;
  dojo_request_id last_ = 0;
};

// ---- order

TEST(FairQueue, KeepsTheOrderOfOneCallerAlone) {
  std::mt19937 random(1);
  FairQueue queue(1);
  std::vector<Task> all;
  const auto now = Time(1'000h);
  for (std::uint64_t i = 1; i <= 500; ++i) {
    Task task;
    task.id = task.sequence = i;
    task.arrived = now - random() % 1'000 * 1ms;
    task.deadline = task.arrived + random() % 5 * 1s;
    task.priority = static_cast<int>(random() % 5) - 2;
    all.push_back(task);
    queue.push(task, now);
  }
  std::ranges::sort(all, runs_before);
  for (const auto& task : all) ASSERT_EQ(queue.pop(now).id, task.id);
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, KeepsTheOrderOfCallersWithinTheirShare) {
  FairQueue queue(1);
  std::vector<Task> all;
  const auto now = Time(1'000h);
  for (std::uint64_t i = 1; i <= 200; ++i) {
    Task task;
    task.id = task.sequence = i;
    task.caller = key(static_cast<unsigned>(i));
    task.arrived = now - (i * 7 % 10) * 50ms;
    task.deadline = task.arrived + i * 13 % 5 * 1s;
    task.priority = static_cast<int>(i % 3);
    all.push_back(task);
    queue.push(task, now);
  }
  std::ranges::sort(all, runs_before);
  for (const auto& task : all) ASSERT_EQ(queue.pop(now).id, task.id);
}

class FairQueuePace : public testing::TestWithParam<std::tuple<unsigned, Wait>> {
 protected:
  unsigned servers = std::get<0>(GetParam());
  Wait service = std::get<1>(GetParam());
  Simulation sim{servers, service};
  Wait pace = service / servers;
};
INSTANTIATE_TEST_SUITE_P(, FairQueuePace,
                         testing::Combine(testing::Values(1u, 4u, 16u),
                                          testing::Values(Wait(50us), Wait(7ms), Wait(300ms),
                                                          Wait(5s))));

TEST_P(FairQueuePace, SharesByWeightWhoeverCameFirst) {
  for (int i = 0; i < 1'000; ++i) sim.push(1, 1);
  for (int i = 0; i < 1'000; ++i) sim.push(2, 3);
  sim.run_for(pace * 800);
  EXPECT_NEAR(sim.served[2] / static_cast<double>(sim.served[1]), 3, 0.3);
}

TEST_P(FairQueuePace, SharesByWeightWhenOneComesLate) {
  for (int i = 0; i < 1'000; ++i) sim.push(1, 1);
  sim.run_for(pace * 200);
  const int before = sim.served[1];
  for (int i = 0; i < 1'000; ++i) sim.push(2, 3);
  sim.run_for(pace * 800);
  EXPECT_NEAR(sim.served[2] / static_cast<double>(sim.served[1] - before), 3, 0.3)
      << "what was not asked for before is not made up for, and what was taken not held against "
         "one";
}

TEST_P(FairQueuePace, SharesByWeightWhileRequestsComeIn) {
  for (int round = 0; round < 500; ++round) {
    for (unsigned caller = 1; caller <= 4; ++caller) sim.push(caller, caller);
    sim.run_for(pace * 2);  // twice what can be done
  }
  for (unsigned caller = 1; caller <= 3; ++caller) {
    // The first two ask for as much as they may, and more; caller 4's share is more than it asks.
    EXPECT_LE(sim.served[caller], sim.served[caller + 1] * 1.1);
  }
  EXPECT_NEAR(sim.served[2] / static_cast<double>(sim.served[1]), 2, 0.2);
}

TEST_P(FairQueuePace, ServesAModestCallerSoonWhoeverShouts) {
  for (int i = 0; i < 500; ++i) sim.push(1);
  int asked = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 10; ++i) sim.push(1);
    if (round % 5 == 0) sim.push(2), ++asked;
    sim.run_for(pace);
  }
  EXPECT_LE(sim.longest[2], service + pace * 3) << "all servers may become free at once";
  EXPECT_GE(sim.served[2], asked - 1);
}

TEST_P(FairQueuePace, ServesAModestCallerSoonWhoeverShoutTogether) {
  for (unsigned caller = 10; caller < 20; ++caller)
    for (int i = 0; i < 100; ++i) sim.push(caller);
  for (int round = 0; round < 20; ++round) {
    sim.push(2);
    sim.run_for(pace * 15);  // less often than its part of eleven
    for (int i = 0; i < 15; ++i) sim.push(10 + static_cast<unsigned>(i) % 10);
  }
  EXPECT_LE(sim.longest[2], service + pace * 15) << "a round of eleven, and what was late";
  EXPECT_GE(sim.served[2], 19);
  for (unsigned caller = 10; caller < 20; ++caller) EXPECT_NEAR(sim.served[caller], 28, 4);
}

TEST_P(FairQueuePace, DoesNotHoldIdleTimesAgainstAnybody) {
  for (int i = 0; i < 1'000; ++i) sim.push(1);
  sim.run_all();  // nobody else was there
  sim.served.clear();
  for (int i = 0; i < 100; ++i) sim.push(2), sim.push(1);
  sim.run_for(pace * 100);
  EXPECT_NEAR(sim.served[1], sim.served[2], 3 + servers);
}

TEST_P(FairQueuePace, RemembersADebtWhileOthersWait) {
  // Caller 1 asks again as soon as it is served, and so never has anything waiting for long.
  for (int i = 0; i < 500; ++i) sim.push(2);
  for (int i = 0; i < 400; ++i) {
    for (unsigned n = 0; n < 2 * servers; ++n) sim.push(1);
    sim.run_for(pace * 2);
  }
  EXPECT_NEAR(sim.served[1], sim.served[2], 60);
}

TEST_P(FairQueuePace, LetsNobodyStarveHoweverManyNewcomersThereAre) {
  for (int i = 0; i < 100; ++i) sim.push(1);
  sim.run_for(pace * 10);
  const int before = sim.served[1];
  for (unsigned i = 0; i < 3'000; ++i) {
    sim.push(100 + i % 60'000);
    sim.run_for(pace);
  }
  EXPECT_GT(sim.served[1] - before, 0);
}

/// Of two callers who ask for more than there is: the second's time of the servers over the
/// first's.
/// @param one and @param other what a task of each takes
double share_of_time(Simulation& sim, Wait one, Wait other, double weight_of_other, Wait time) {
  sim.costs = [=](const Task& task) { return task.caller[0] == 1 ? one : other; };
  for (int i = 0; i < 2'000; ++i) sim.push(1);
  for (int i = 0; i < 20'000; ++i) sim.push(2, weight_of_other);
  sim.run_for(time);
  return static_cast<double>(sim.spent[2].count()) / static_cast<double>(sim.spent[1].count());
}

TEST(FairQueue, SharesTheTimeOfServersAndNotTheNumberOfTasks) {
  Simulation sim(2, 1ms);
  EXPECT_NEAR(1 / share_of_time(sim, 50ms, 1ms, 1, 5s), 1, 0.15);
}

TEST(FairQueue, SharesTheTimeByWeight) {
  Simulation sim(1, 1ms);
  EXPECT_NEAR(share_of_time(sim, 20ms, 5ms, 3, 10s), 3, 0.3);
}

TEST(FairQueue, ServesAModestCallerSoonWhileAnothersTasksAreDear) {
  Simulation sim(2, 1ms);
  sim.costs = [](const Task& task) -> Wait { return task.caller[0] == 1 ? 100ms : 1ms; };
  for (int i = 0; i < 1'000; ++i) sim.push(1);
  sim.run_for(1s);
  for (int i = 0; i < 100; ++i) {
    sim.push(2);
    sim.run_for(20ms);
  }
  sim.run_for(1s);
  EXPECT_EQ(sim.served[2], 100);
  // Both servers may have one of the other's at hand when it comes, and one more may stand before
  // it in an earlier step.
  EXPECT_LE(sim.longest[2], 210ms);
}

TEST(FairQueue, LeavesServersToOthersWhereOnesTasksAreDear) {
  Simulation sim(4, 1ms);
  const auto take = [&] {
    auto task = sim.queue.pop(sim.now);
    return task;
  };
  // By then it is known that they are.
  for (int i = 0; i < 8; ++i) {
    sim.push(1);
    for (int cheap = 0; cheap < 40; ++cheap) sim.push(2);
    while (!sim.queue.empty()) {
      const auto task = take();
      sim.queue.worked(task.caller, task.charged, task.caller[0] == 1 ? Wait(100ms) : Wait(1ms),
                       sim.now);
    }
  }
  for (int i = 0; i < 10; ++i) sim.push(1);
  std::vector<Task> taken;
  while (sim.queue.ready()) taken.push_back(take());
  EXPECT_EQ(taken.size(), 2u) << "half of the servers";
  EXPECT_EQ(sim.queue.size(), 8u);
  sim.push(2);
  ASSERT_TRUE(sim.queue.ready());
  EXPECT_EQ(take().caller[0], 2);
  EXPECT_FALSE(sim.queue.ready());
  sim.queue.worked(taken[0].caller, taken[0].charged, 100ms, sim.now);
  ASSERT_TRUE(sim.queue.ready()) << "one of its is done";
  EXPECT_EQ(take().caller[0], 1);
  EXPECT_FALSE(sim.queue.ready());
  Task displaced;
  ASSERT_TRUE(sim.queue.displace(1, displaced, sim.now)) << "what pauses can lose its place";
  EXPECT_EQ(displaced.caller[0], 1);
  sim.queue.drop_requests(sim.now);
  EXPECT_TRUE(sim.queue.empty());
  sim.push(1);
  EXPECT_FALSE(sim.queue.ready());
}

TEST(FairQueue, GivesAllServersToOneWhoseTasksAreAsDearAsAnybodys) {
  Simulation sim(4, 1ms);
  for (int i = 0; i < 10; ++i) sim.push(1);
  while (sim.queue.ready()) {
    const auto task = sim.queue.pop(sim.now);
    if (sim.queue.size() % 2 == 0) sim.queue.worked(task.caller, task.charged, 100ms, sim.now);
  }
  EXPECT_TRUE(sim.queue.empty());
}

TEST(FairQueue, DoesNotHoldDearTasksAgainstWhoRanThemAlone) {
  Simulation sim(1, 1ms);
  sim.costs = [](const Task& task) -> Wait { return task.caller[0] == 1 ? 100ms : 1ms; };
  for (int i = 0; i < 20; ++i) {
    sim.push(1);
    sim.run_all();
    sim.run_for(200ms);
  }
  for (int i = 0; i < 100; ++i) sim.push(2);
  const auto late = sim.push(1);
  const auto pushed = sim.now;
  sim.run_for(1s);
  EXPECT_LE(sim.at[late] - pushed, 110ms);
}

TEST(FairQueue, PutsPriorityBeforeShare) {
  Simulation sim(1, 1ms);
  for (int i = 0; i < 200; ++i) sim.push(1);
  for (int i = 0; i < 50; ++i) sim.push(2);
  sim.run_for(50ms);
  auto urgent = sim.make(1);
  urgent.priority = 20;
  const auto id = sim.push(std::move(urgent));
  sim.run_for(2ms);
  EXPECT_TRUE(sim.at.contains(id));
}

TEST(FairQueue, DoesNotLetPrioritiesMakeADebtForEver) {
  Simulation sim(1, 1ms);
  for (int i = 0; i < 400; ++i) {
    auto urgent = sim.make(1);
    urgent.priority = 100;
    sim.push(std::move(urgent));
  }
  for (int i = 0; i < 900; ++i) sim.push(2);
  sim.run_for(400ms);
  EXPECT_GE(sim.served[1], 398);
  sim.served.clear();
  for (int i = 0; i < 200; ++i) sim.push(1);
  sim.run_for(300ms);
  EXPECT_NEAR(sim.served[1], 150, 10);
}

TEST(FairQueue, ForgetsDebtsOnceNobodyWaits) {
  Simulation sim(1, 1ms);
  for (int i = 0; i < 20; ++i) {
    auto urgent = sim.make(1);
    urgent.priority = 100;
    sim.push(std::move(urgent));
  }
  sim.push(2);
  sim.run_all();
  sim.run_for(10ms);
  sim.served.clear();
  for (int i = 0; i < 10; ++i) sim.push(2), sim.push(1);
  sim.run_for(9500us);
  EXPECT_NEAR(sim.served[1], 5, 1);
}

TEST(FairQueue, ServesLowPrioritiesOnceTheyHaveWaited) {
  Simulation sim(1, 1ms);
  auto low = sim.make(1);
  low.priority = -5;
  const auto id = sim.push(std::move(low));
  for (unsigned i = 0; i < 2'000; ++i) {
    sim.push(2 + i % 200);
    sim.push(2 + i % 200);
    sim.run_for(1ms);
  }
  ASSERT_TRUE(sim.at.contains(id));
  EXPECT_LE(sim.at[id] - Time(1'000h), 1'300ms);
}

TEST(FairQueue, NeverHoldsJobsBack) {
  Simulation sim(1, 1ms);
  for (int i = 0; i < 100; ++i) sim.push(1);
  sim.run_for(500us);
  for (int i = 0; i < 50; ++i) {
    auto job = sim.make(0);
    job.id = 0;
    sim.push(std::move(job));
  }
  sim.run_for(200ms);
  EXPECT_EQ(std::ranges::count(sim.order, 0u), 50);
  EXPECT_EQ(sim.order.size(), 150u);
  EXPECT_EQ(sim.queue.callers(), 1u) << "they are nobody's";
}

TEST(FairQueue, DoesNotCountJobsAmongCallers) {
  Simulation sim(1, 1ms);
  const auto push_job = [&] {
    auto job = sim.make(0);
    job.id = 0;
    sim.push(std::move(job));
  };
  for (int i = 0; i < 5; ++i) push_job();
  sim.run_all();
  for (int i = 0; i < 400; ++i) sim.push(1, 1), sim.push(2, 3), push_job();
  EXPECT_EQ(sim.queue.weight(), 4);
  sim.run_for(800ms);
  EXPECT_NEAR(sim.served[2] / static_cast<double>(sim.served[1]), 3, 0.3);
}

TEST(FairQueue, ReckonsWithSaneWeights) {
  EXPECT_EQ(FairQueue::sane(3), 3);
  EXPECT_EQ(FairQueue::sane(0), 0.01);
  EXPECT_EQ(FairQueue::sane(-1), 0.01);
  EXPECT_EQ(FairQueue::sane(std::numeric_limits<double>::quiet_NaN()), 0.01);
  EXPECT_EQ(FairQueue::sane(std::numeric_limits<double>::infinity()), 100);
}

TEST(FairQueue, IsNotUpsetByAbsurdWeights) {
  Simulation sim(1, 1ms);
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const auto inf = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 50; ++i) {
    unsigned caller = 1;
    for (const double weight : {0.0, -1.0, nan, inf, 1e-300, 1.0}) sim.push(caller++, weight);
  }
  sim.run_for(1s);
  EXPECT_EQ(sim.order.size(), 300u);
  EXPECT_TRUE(sim.queue.empty());
}

TEST(FairQueue, TakesUpANewWeightAtOnce) {
  Simulation sim(1, 1ms);
  for (int i = 0; i < 500; ++i) sim.push(1), sim.push(2);
  sim.run_for(100ms);
  sim.push(2, 4);
  sim.served.clear();
  sim.run_for(300ms);
  EXPECT_NEAR(sim.served[2] / static_cast<double>(sim.served[1]), 4, 0.4);
}

TEST(FairQueue, KeepsAccountOfABoundedNumberOfCallers) {
  Simulation sim(1, 1ms);
  for (int i = 0; i < 10; ++i) sim.push(0);
  for (unsigned i = 0; i < 20'000; ++i) {
    sim.push(i % 60'000);
    sim.run_for(1ms);
  }
  EXPECT_FALSE(sim.queue.empty());
  EXPECT_LE(sim.queue.callers(), 1'024u + sim.queue.size());
}

TEST(FairQueue, KeepsItsOrderWhenTasksAreRemoved) {
  std::mt19937 random(3);
  Simulation sim(1, 1ms);
  for (int i = 0; i < 2'000; ++i)
    sim.push(static_cast<unsigned>(random() % 40), 1.0 + static_cast<int>(random() % 3));
  EXPECT_EQ(sim.queue.remove_if([](const Task& task) { return task.id % 2 == 0; }, sim.now),
            1'000u);
  EXPECT_EQ(sim.queue.size(), 1'000u);
  EXPECT_EQ(sim.queue.remove_if([](const Task& task) { return task.caller == key(1); }, sim.now) +
                sim.queue.size(),
            1'000u);
  const auto left = sim.queue.size();
  sim.run_all();
  EXPECT_EQ(sim.order.size(), left);
  EXPECT_EQ(sim.queue.weight(), 0);
  EXPECT_TRUE(std::ranges::all_of(sim.order, [](auto id) { return id % 2 == 1; }));
}

// ---- displacing

TEST(FairQueue, DisplacesTheLastTaskOfWhoHoldsMost) {
  Simulation sim(1, 1ms);
  for (int i = 0; i < 5; ++i) sim.push(1);
  const auto last = sim.push(1);
  for (int i = 0; i < 8; ++i) sim.push(2, 2);  // more, but less for its weight
  Task out;
  EXPECT_TRUE(sim.queue.displace(5, out, sim.now));
  EXPECT_EQ(out.id, last);
  EXPECT_EQ(sim.queue.displaceable(key(1)), 5u);
  EXPECT_EQ(sim.queue.displaceable(key(3)), 0u);
  EXPECT_EQ(sim.queue.size(), 13u);
  EXPECT_FALSE(sim.queue.displace(5, out, sim.now)) << "nobody holds more than that now";
  sim.run_all();
  EXPECT_EQ(sim.order.size(), 13u);
}

TEST(FairQueue, DisplacesByTheOrderAndNotByArrival) {
  Simulation sim(1, 1ms);
  auto low = sim.make(1);
  low.priority = -3;
  const auto id = sim.push(std::move(low));
  for (int i = 0; i < 5; ++i) sim.push(1);
  Task out;
  EXPECT_TRUE(sim.queue.displace(1, out, sim.now));
  EXPECT_EQ(out.id, id);
}

TEST(FairQueue, DisplacesNobodysOnlyTaskNorWhatHasPassedItsGate) {
  Simulation sim(1, 1ms);
  sim.push(1, 0.1);
  Task out;
  EXPECT_FALSE(sim.queue.displace(1, out, sim.now));
  for (int i = 0; i < 4; ++i) {
    auto job = sim.make(0);
    job.id = 0;
    sim.push(std::move(job));
  }
  EXPECT_FALSE(sim.queue.displace(1, out, sim.now));
  const auto gate = std::make_shared<Gate>(10u);
  for (int i = 0; i < 9; ++i) {
    auto task = sim.make(2);
    task.gate = gate;
    sim.push(std::move(task));
  }
  EXPECT_EQ(sim.queue.displaceable(key(2)), 0u);
  for (int i = 0; i < 3; ++i) sim.push(3);
  EXPECT_TRUE(sim.queue.displace(1, out, sim.now));
  EXPECT_EQ(out.caller, key(3));
  auto hooked = sim.make(2);
  hooked.gate = gate;
  hooked.hooked = true;
  sim.push(std::move(hooked));
  EXPECT_EQ(sim.queue.displaceable(key(2)), 1u) << "it has no leave yet";
}

// ---- deadlines

TEST_P(FairQueuePace, RefusesWhatCannotBeDoneInTime) {
  for (int i = 0; i < 400; ++i) sim.push(1);
  sim.run_for(pace * 200);
  sim.now += kAgeing;  // or it would go first, for its deadline
  const auto wait = sim.queue.too_late(sim.make(1, 1, pace * 100), sim.now);
  ASSERT_TRUE(wait);
  EXPECT_NEAR(static_cast<double>(wait->count()) / static_cast<double>(pace.count()), 200, 40);
  EXPECT_FALSE(sim.queue.too_late(sim.make(1, 1, pace * 250), sim.now));
  EXPECT_FALSE(sim.queue.too_late(sim.make(2, 1, pace * 4), sim.now)) << "it has its own share";
  EXPECT_NEAR(static_cast<double>(sim.queue.backlog() / pace), 200, 40);
}

TEST(FairQueue, RefusesNothingWhileItDoesNotKnowHowFastItIs) {
  Simulation sim(1, 1s);
  for (int i = 0; i < 100; ++i) sim.push(1);
  sim.now += kAgeing;
  EXPECT_FALSE(sim.queue.too_late(sim.make(1, 1, 1ms), sim.now));
  sim.run_for(50s);
  EXPECT_TRUE(sim.queue.too_late(sim.make(1, 1, 1ms), sim.now));
  sim.run_all();
  for (int i = 0; i < 100; ++i) sim.push(1);
  sim.now += kAgeing;
  EXPECT_FALSE(sim.queue.too_late(sim.make(1, 1, 1ms), sim.now)) << "that was another backlog";
}

TEST(FairQueue, DoesNotRefuseWhatGoesFirst) {
  Simulation sim(1, 10ms);
  for (unsigned i = 0; i < 300; ++i) sim.push(1);
  sim.run_for(1s);
  auto urgent = sim.make(1, 1, 100ms);
  EXPECT_TRUE(sim.queue.too_late(urgent, sim.now));
  urgent.priority = 100;
  EXPECT_FALSE(sim.queue.too_late(urgent, sim.now));
}

TEST(FairQueue, DoesNotCountWhatWillBeDropped) {
  Simulation sim(1, 100ms);
  for (int i = 0; i < 1'000; ++i) sim.push(1, 1, 10s);
  sim.run_for(5s);
  EXPECT_FALSE(sim.queue.too_late(sim.make(1, 1, 20s), sim.now)) << "five seconds are enough";
  EXPECT_TRUE(sim.queue.too_late(sim.make(1, 1, 3s), sim.now));
  sim.now += 10s;
  EXPECT_FALSE(sim.queue.too_late(sim.make(1, 1, 3s), sim.now)) << "all are too late themselves";
}

TEST(FairQueue, CountsWhatIsDueSoonBeforeWhatIsDueLate) {
  Simulation sim(1, 10ms);
  for (int i = 0; i < 7'490; ++i) sim.push(1);
  sim.run_for(2s);
  sim.now += kAgeing;
  for (int i = 0; i < 50; ++i) sim.push(1, 1, 600ms);
  sim.now += kAgeing;
  EXPECT_TRUE(sim.queue.too_late(sim.make(1, 1, 64s), sim.now)) << "73.4 s, give or take an eighth";
  sim.now += 500ms;
  EXPECT_FALSE(sim.queue.too_late(sim.make(1, 1, 64s), sim.now)) << "72.9 s: fifty are too late";
}

TEST(FairQueue, CountsOnlyWhatComesBeforeForSure) {
  Simulation sim(1, 10ms);
  const auto push = [&](unsigned caller, int priority) {
    auto task = sim.make(caller);
    task.priority = priority;
    sim.push(std::move(task));
  };
  for (int i = 0; i < 30; ++i) push(1, 0);
  for (int i = 0; i < 100; ++i) push(3, -5);
  for (unsigned caller = 100; caller < 200; ++caller) push(caller, -5);
  sim.run_for(300ms);
  EXPECT_FALSE(sim.queue.too_late(sim.make(2, 1, 100ms), sim.now)) << "others can wait";
}

TEST(FairQueue, CountsNoOthersBeforeAPriorityThatMayNotBeTheirs) {
  Simulation sim(1, 10ms);
  for (int i = 0; i < 230; ++i) sim.push(4);
  sim.run_for(300ms);
  for (int i = 0; i < 50; ++i) {
    auto urgent = sim.make(1);
    urgent.priority = 5;
    sim.push(std::move(urgent));
  }
  sim.now += kAgeing;
  auto task = sim.make(1, 1, 700ms);
  task.priority = 5;
  EXPECT_FALSE(sim.queue.too_late(task, sim.now));
  task.deadline = sim.now + 400ms;
  EXPECT_TRUE(sim.queue.too_late(task, sim.now)) << "fifty of its own are before it";
}

struct Tally {
  int refused = 0;
  int wrongly = 0;
  int hopeless = 0;  // and taken nevertheless
};

/// A load that changes all the time. Of each request it is tried on a copy what would come of it.
Tally try_all(unsigned seed) {
  std::mt19937 random(seed);
  const auto servers = static_cast<unsigned>(1 + random() % 6);
  const Wait service = 1us * (100 + random() % 900'000);
  const auto pace = service / servers;
  Simulation sim(servers, service);
  sim.jitter = [](std::mt19937& its) {
    return 0.8 + 0.4 * static_cast<double>(its() % 1'000) / 1e3;
  };
  Tally tally;
  const auto callers = static_cast<unsigned>(1 + random() % 20);
  const bool prioritised = random() % 3 == 0;
  for (int i = 0; i < 1'500; ++i) {
    const auto caller = random() % 3 == 0 ? 0 : static_cast<unsigned>(random() % callers);
    auto task = sim.make(caller, 0.5 + caller % 4, pace * (10 + random() % 300));
    if (prioritised) task.priority = static_cast<int>(random() % 3) - 1;
    const bool refused = sim.queue.too_late(task, sim.now).has_value();
    if (refused || i % 10 == 0) {
      auto tried = sim;
      const auto id = tried.push(task);
      tried.run_until(task.deadline + pace * 1'000);
      const bool made = tried.at.contains(id);
      tally.refused += refused ? 1 : 0;
      tally.wrongly += refused && made ? 1 : 0;
      auto longer = sim;  // with twice the time
      auto patient = task;
      patient.deadline += patient.deadline - sim.now;
      longer.push(patient);
      longer.run_until(patient.deadline + pace * 1'000);
      tally.hopeless += !refused && i > 300 && !prioritised && !longer.at.contains(id) ? 1 : 0;
    }
    if (!refused) sim.push(task);
    if (random() % 400 == 0) sim.run_all();
    sim.run_for(pace * (random() % 100) / 70);
  }
  return tally;
}

TEST(FairQueue, RefusesWhatIsImpossibleAndNothingThatIsPossible) {
  Tally all;
  for (unsigned seed = 1; seed <= 25; ++seed) {
    const auto tally = try_all(seed);
    EXPECT_EQ(tally.wrongly, 0) << "seed " << seed << " of " << tally.refused;
    all.refused += tally.refused;
    all.hopeless += tally.hopeless;
  }
  EXPECT_GT(all.refused, 1'000) << "or nothing has been tried";
  EXPECT_LT(all.hopeless * 10, all.refused / 20);
  RecordProperty("refused", all.refused);
  RecordProperty("hopeless", all.hopeless);
}

}  // namespace
}  // namespace dojo::request
