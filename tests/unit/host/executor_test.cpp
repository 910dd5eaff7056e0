#include "request/executor.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/support.hpp"

namespace dojo::request {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using testing::ElementsAre;

Task task(dojo_request_id id, std::shared_ptr<Gate> gate = nullptr) {
  Task made;
  made.id = id;
  made.gate = std::move(gate);
  return made;
}

/// An executor whose tasks wait until the test lets them end.
class ExecutorTest : public testing::Test {
 protected:
  void start(unsigned workers, std::size_t capacity) {
    Executor::Options options;
    options.workers = workers;
    options.capacity = capacity;
    options.run = [this](Executor&, Task&& task, unsigned) { run(task); };
    options.is_over = [this](dojo_request_id id) { return std::ranges::count(over, id) > 0; };
    executor = std::make_unique<Executor>(std::move(options));
  }
  ~ExecutorTest() override {
    allow_all();
    EXPECT_TRUE(executor->stop(20s));
  }
  void run(const Task& task) {
    std::unique_lock lock(mutex);
    ran.push_back(task.id);
    most = std::max(most, ++running);
    changed.notify_all();
    changed.wait(lock, [&] { return open || std::erase(allowed, task.id) > 0; });
    --running;
    lock.unlock();
    executor->release(task.gate);
  }
  void allow(dojo_request_id id) {
    const std::lock_guard lock(mutex);
    allowed.push_back(id);
    changed.notify_all();
  }
  void allow_all() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  bool ran_so_far(std::size_t count) {
    return eventually([&] {
      const std::lock_guard lock(mutex);
      return ran.size() >= count;
    });
  }
  std::vector<dojo_request_id> order() {
    const std::lock_guard lock(mutex);
    return ran;
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<dojo_request_id> ran;
  std::vector<dojo_request_id> allowed;
  std::vector<dojo_request_id> over;
  bool open = false;
  int running = 0;
  int most = 0;
  std::unique_ptr<Executor> executor;
};

TEST_F(ExecutorTest, RunsInOrder) {
  start(1, 100);
  for (dojo_request_id id = 1; id <= 5; ++id) EXPECT_TRUE(executor->push(task(id)));
  allow_all();
  ASSERT_TRUE(ran_so_far(5));
  EXPECT_THAT(order(), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(ExecutorTest, RefusesMoreThanItsQueueHolds) {
  start(1, 3);
  EXPECT_TRUE(executor->push(task(1)));
  ASSERT_TRUE(ran_so_far(1));  // it runs, and waits no more
  for (dojo_request_id id = 2; id <= 4; ++id) EXPECT_TRUE(executor->push(task(id)));
  EXPECT_EQ(executor->waiting(), 3u);
  EXPECT_FALSE(executor->push(task(5)));
  allow(1);
  ASSERT_TRUE(ran_so_far(2));
  EXPECT_TRUE(executor->push(task(6)));
}

TEST_F(ExecutorTest, HonoursAGate) {
  start(8, 100);
  const auto gate = std::make_shared<Gate>(2u);
  for (dojo_request_id id = 1; id <= 40; ++id) EXPECT_TRUE(executor->push(task(id, gate)));
  ASSERT_TRUE(ran_so_far(2));
  EXPECT_EQ(executor->waiting(), 38u);
  allow_all();
  ASSERT_TRUE(ran_so_far(40));
  EXPECT_LE(most, 2);
  EXPECT_EQ(most, 2);
}

TEST_F(ExecutorTest, KeepsTheOrderBehindAGate) {
  start(4, 100);
  const auto gate = std::make_shared<Gate>(1u);
  for (dojo_request_id id = 1; id <= 20; ++id) EXPECT_TRUE(executor->push(task(id, gate)));
  allow_all();
  ASSERT_TRUE(ran_so_far(20));
  const auto ids = order();
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
}

TEST_F(ExecutorTest, DoesNotLetAGateHoldUpOthers) {
  start(2, 100);
  const auto gate = std::make_shared<Gate>(1u);
  for (dojo_request_id id = 1; id <= 50; ++id) EXPECT_TRUE(executor->push(task(id, gate)));
  EXPECT_TRUE(executor->push(task(1000)));
  ASSERT_TRUE(ran_so_far(2));
  EXPECT_EQ(order().back(), 1000u);
}

TEST_F(ExecutorTest, DoesNotLetAGateFillTheQueueForOthers) {
  start(2, 10);
  const auto gate = std::make_shared<Gate>(1u);
  std::size_t taken = 0;
  for (dojo_request_id id = 1; id <= 50; ++id) taken += executor->push(task(id, gate)) ? 1u : 0u;
  EXPECT_EQ(taken, 11u);  // one that runs, and as many as the capacity that wait for it
  EXPECT_TRUE(executor->push(task(1000)));
  ASSERT_TRUE(ran_so_far(2));
  EXPECT_EQ(order().back(), 1000u);
}

TEST_F(ExecutorTest, LetsTheNextOnePassWhenTheOneBeforeHasEnded) {
  start(2, 10);
  const auto gate = std::make_shared<Gate>(1u);
  for (dojo_request_id id = 1; id <= 3; ++id) EXPECT_TRUE(executor->push(task(id, gate)));
  ASSERT_TRUE(ran_so_far(1));
  allow(1);
  ASSERT_TRUE(ran_so_far(2));
  allow(2);
  ASSERT_TRUE(ran_so_far(3));
  EXPECT_THAT(order(), ElementsAre(1, 2, 3));
}

TEST_F(ExecutorTest, DropsWhatWaitsWhenItStops) {
  start(1, 100);
  for (dojo_request_id id = 1; id <= 10; ++id) EXPECT_TRUE(executor->push(task(id)));
  ASSERT_TRUE(ran_so_far(1));
  std::thread stopper([&] { EXPECT_TRUE(executor->stop(20s)); });
  EXPECT_TRUE(eventually([&] { return !executor->push(task(99)); }));
  allow(1);
  stopper.join();
  EXPECT_THAT(order(), ElementsAre(1));
}

TEST_F(ExecutorTest, RunsHigherPrioritiesFirst) {
  start(1, 100);
  EXPECT_TRUE(executor->push(task(1)));
  ASSERT_TRUE(ran_so_far(1));  // it keeps the worker busy
  const auto now = Task::Time() + 1h;
  for (const auto& [id, priority] : {std::pair{2, 0}, {3, 5}, {4, -5}, {5, 5}}) {
    auto made = task(static_cast<dojo_request_id>(id));
    made.priority = priority;
    made.arrived = now;
    EXPECT_TRUE(executor->push(std::move(made)));
  }
  allow_all();
  ASSERT_TRUE(ran_so_far(5));
  EXPECT_THAT(order(), ElementsAre(1, 3, 5, 2, 4));
}

TEST(TaskOrder, LetsNobodyStarve) {
  auto old = task(1);
  old.priority = -3;
  old.arrived = Task::Time() + 1h;
  auto young = task(2);
  young.priority = 0;
  young.arrived = old.arrived + 2 * kAgeing;
  EXPECT_FALSE(runs_before(old, young)) << "two steps of waiting are worth two priorities";
  young.arrived = old.arrived + 4 * kAgeing;
  EXPECT_TRUE(runs_before(old, young));
}

TEST(TaskOrder, PutsTheEarlierDeadlineFirstAmongEquals) {
  auto a = task(1);
  auto b = task(2);
  a.arrived = b.arrived = Task::Time() + 1h;
  a.sequence = 1;
  b.sequence = 2;
  EXPECT_TRUE(runs_before(a, b));
  a.deadline = a.arrived + 10s;
  b.deadline = b.arrived + 1s;
  EXPECT_TRUE(runs_before(b, a));
  a.arrived -= kAgeing;
  EXPECT_TRUE(runs_before(a, b)) << "but it has waited a whole step longer";
}

TEST_F(ExecutorTest, AsksHooksBeforeItRunsAnything) {
  std::vector<std::pair<dojo_request_id, bool>> seen;
  std::binary_semaphore begun(0);
  std::binary_semaphore begin(0);
  Executor::Options options;
  options.run = [&](Executor& self, Task&& task, unsigned) {
    if (task.id == 1) {
      begun.release();
      begin.acquire();
    }
    {
      const std::lock_guard lock(mutex);
      seen.emplace_back(task.id, task.hooked);
      ran.push_back(task.id);
    }
    if (!task.hooked) return;
    task.priority = task.id == 4 ? 10 : 0;
    EXPECT_TRUE(self.push_again(std::move(task)));
  };
  executor = std::make_unique<Executor>(std::move(options));
  EXPECT_TRUE(executor->push(task(1)));
  begun.acquire();
  EXPECT_TRUE(executor->push(task(2)));
  for (const auto id : {dojo_request_id{3}, dojo_request_id{4}}) {
    auto hooked = task(id);
    hooked.hooked = true;
    EXPECT_TRUE(executor->push(std::move(hooked)));
  }
  begin.release();
  ASSERT_TRUE(ran_so_far(6));
  using Pair = std::pair<dojo_request_id, bool>;
  EXPECT_THAT(seen, ElementsAre(Pair{1, false}, Pair{3, true}, Pair{4, true}, Pair{4, false},
                                Pair{2, false}, Pair{3, false}));
}

TEST_F(ExecutorTest, GivesThePlaceOfARequestThatIsOverToANewOne) {
  start(1, 2);
  EXPECT_TRUE(executor->push(task(1)));
  ASSERT_TRUE(ran_so_far(1));
  EXPECT_TRUE(executor->push(task(2)));
  EXPECT_TRUE(executor->push(task(3)));
  EXPECT_FALSE(executor->push(task(4)));
  {
    const std::lock_guard lock(mutex);
    over = {2};
  }
  EXPECT_TRUE(eventually([&] { return executor->push(task(5)); }));
  allow_all();
  ASSERT_TRUE(ran_so_far(3));
  EXPECT_THAT(order(), ElementsAre(1, 3, 5));
}

TEST_F(ExecutorTest, RunsEveryJobOnceAndSaysIfItIsTooLate) {
  start(1, 100);
  struct Counts {
    std::atomic<int> ran{0};
    std::atomic<int> cancelled{0};
  } jobs;
  const auto job = [&] {
    Task made;
    made.job = {[](void* data, std::int32_t cancelled) {
                  auto& counts = *static_cast<Counts*>(data);
                  ++(cancelled != 0 ? counts.cancelled : counts.ran);
                },
                &jobs};
    return made;
  };
  EXPECT_TRUE(executor->push(job()));
  EXPECT_TRUE(eventually([&] { return jobs.ran == 1; }));
  EXPECT_TRUE(executor->push(task(1)));
  ASSERT_TRUE(ran_so_far(1));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(executor->push(job()));
  std::thread stopper([&] { EXPECT_TRUE(executor->stop(20s)); });
  EXPECT_TRUE(eventually([&] { return !executor->push(task(99)); }));
  allow(1);
  stopper.join();
  EXPECT_EQ(jobs.ran, 1);
  EXPECT_EQ(jobs.cancelled, 3);
}

TEST_F(ExecutorTest, DoesNotWaitForEverForAWorkerThatDoesNotComeBack) {
  start(2, 10);
  EXPECT_TRUE(executor->push(task(1)));
  ASSERT_TRUE(ran_so_far(1));
  EXPECT_FALSE(executor->stop(1ms));
  allow(1);
  EXPECT_TRUE(executor->stop(20s));
}

// ---- callers who share it

Task task_of(unsigned caller, dojo_request_id id, double weight = 1) {
  auto made = task(id);
  made.caller[0] = static_cast<std::uint8_t>(caller);
  made.weight = weight;
  made.arrived = std::chrono::steady_clock::now();
  return made;
}

/// An executor whose tasks each end when the test says so, whichever they are.
class SharedExecutorTest : public testing::Test {
 protected:
  void start(unsigned workers, std::size_t capacity) {
    Executor::Options options;
    options.workers = workers;
    options.capacity = capacity;
    options.run = [this](Executor& self, Task&& task, unsigned) { run(self, std::move(task)); };
    options.clock = [] { return Task::Time(); };  // each costs the same
    options.displaced = [this](Task&& task, std::chrono::nanoseconds) {
      const std::lock_guard lock(mutex);
      displaced.push_back(task.id);
      (void)executor->waiting();  // would never come back under the executor's lock
    };
    executor = std::make_unique<Executor>(std::move(options));
  }
  ~SharedExecutorTest() override {
    ended.release(1'000'000);
    EXPECT_TRUE(executor->stop(20s));
  }
  void run(Executor& self, Task task) {
    {
      const std::lock_guard lock(mutex);
      begun.push_back(task.id);
      (task.hooked ? asked : ran)[task.caller[0]]++;
    }
    ended.acquire();
    std::this_thread::sleep_for(service);
    if (!task.hooked) return self.release(task.gate);
    const auto id = task.id;
    if (!self.push_again(std::move(task))) {
      const std::lock_guard lock(mutex);
      late.push_back(id);
    }
  }
  /// Lets so many tasks end, and waits until as many have begun.
  void let(std::ptrdiff_t tasks) {
    const auto before = count();
    ended.release(tasks);
    ASSERT_TRUE(eventually([&] { return count() >= before + static_cast<std::size_t>(tasks); }));
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return begun.size();
  }
  bool has_begun(dojo_request_id id) {
    const std::lock_guard lock(mutex);
    return std::ranges::count(begun, id) > 0;
  }
  int ran_of(unsigned caller) {
    const std::lock_guard lock(mutex);
    return ran[caller];
  }
  std::vector<dojo_request_id> displaced_so_far() {
    const std::lock_guard lock(mutex);
    return displaced;
  }
  bool all_begun(std::size_t tasks) {
    return eventually([&] { return count() == tasks; });
  }

  std::chrono::microseconds service{0};  // at least
  std::mutex mutex;
  std::vector<dojo_request_id> begun;
  std::vector<dojo_request_id> displaced;
  std::vector<dojo_request_id> late;
  std::map<unsigned, int> ran;
  std::map<unsigned, int> asked;
  std::counting_semaphore<> ended{0};
  std::unique_ptr<Executor> executor;
};

TEST_F(SharedExecutorTest, ServesAModestCallerSoonWhileAnotherShouts) {
  start(2, 1'000);
  dojo_request_id id = 0;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(executor->push(task_of(1, ++id)));
  ASSERT_TRUE(all_begun(2));
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(executor->push(task_of(1, ++id)));
    const auto modest = ++id;
    EXPECT_TRUE(executor->push(task_of(2, modest)));
    let(3);
    EXPECT_TRUE(has_begun(modest)) << "in round " << round;
    let(47);
  }
  EXPECT_EQ(ran_of(2), 10);
}

TEST_F(SharedExecutorTest, SharesByWeight) {
  start(3, 1'000);
  dojo_request_id id = 0;
  for (int i = 0; i < 400; ++i) EXPECT_TRUE(executor->push(task_of(1, ++id, 1)));
  for (int i = 0; i < 400; ++i) EXPECT_TRUE(executor->push(task_of(2, ++id, 3)));
  ASSERT_TRUE(all_begun(3));
  let(400);
  EXPECT_NEAR(ran_of(2) / static_cast<double>(ran_of(1)), 3, 0.3);
}

TEST_F(SharedExecutorTest, AsksTheHooksOfAllCallersInTurn) {
  start(1, 1'000);
  dojo_request_id id = 0;
  EXPECT_TRUE(executor->push(task_of(3, ++id)));
  ASSERT_TRUE(all_begun(1));
  const auto hooked = [&](unsigned caller) {
    auto made = task_of(caller, ++id);
    made.hooked = true;
    return made;
  };
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(executor->push(hooked(1)));
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(executor->push(hooked(2)));
  let(40);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(asked[1], 20);
  EXPECT_EQ(asked[2], 20);
}

TEST_F(SharedExecutorTest, DoesNotAskTheHooksOfOneBeforeAnythingOfAnother) {
  start(1, 1'000);
  dojo_request_id id = 0;
  EXPECT_TRUE(executor->push(task_of(3, ++id)));
  ASSERT_TRUE(all_begun(1));
  for (int i = 0; i < 50; ++i) {
    auto hooked = task_of(1, ++id);
    hooked.hooked = true;
    EXPECT_TRUE(executor->push(std::move(hooked)));
  }
  const auto modest = ++id;
  EXPECT_TRUE(executor->push(task_of(2, modest)));
  let(3);
  EXPECT_TRUE(has_begun(modest));
}

TEST_F(SharedExecutorTest, SharesWhatIsBehindAGate) {
  start(4, 1'000);
  const auto gate = std::make_shared<Gate>(1u);
  dojo_request_id id = 0;
  const auto gated = [&](unsigned caller) {
    auto made = task_of(caller, ++id);
    made.gate = gate;
    return made;
  };
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(executor->push(gated(1)));
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(executor->push(gated(2)));
  ASSERT_TRUE(all_begun(1));
  let(40);
  EXPECT_NEAR(ran_of(1), 20, 1);
}

TEST_F(SharedExecutorTest, GivesACallerItsPartOfAFullQueue) {
  start(1, 7);
  EXPECT_TRUE(executor->push(task_of(9, 100)));
  ASSERT_TRUE(all_begun(1));
  for (dojo_request_id id = 1; id <= 7; ++id) EXPECT_TRUE(executor->push(task_of(1, id)));
  const auto refused = executor->push(task_of(1, 8));
  EXPECT_EQ(refused.what, Pushed::What::full);
  EXPECT_THAT(displaced_so_far(), ElementsAre());
  for (dojo_request_id id = 11; id <= 13; ++id) EXPECT_TRUE(executor->push(task_of(2, id)));
  EXPECT_THAT(displaced_so_far(), ElementsAre(7, 6, 5));
  EXPECT_FALSE(executor->push(task_of(2, 14))) << "three and a half of seven are its part";
  EXPECT_FALSE(executor->push(task_of(1, 9)));
  EXPECT_TRUE(executor->push(task_of(3, 21, 4))) << "more than four of seven are its part";
  EXPECT_EQ(displaced_so_far().size(), 4u);
  EXPECT_EQ(executor->waiting(), 7u);
  auto job = task(0);
  EXPECT_FALSE(executor->push(std::move(job))) << "jobs have no part";
  ended.release(100);
  EXPECT_TRUE(all_begun(8));
  EXPECT_EQ(displaced_so_far().size(), 4u);
}

TEST_F(SharedExecutorTest, GivesACallerItsPartOfAFullGate) {
  start(1, 4);
  const auto gate = std::make_shared<Gate>(1u);
  const auto gated = [&](unsigned caller, dojo_request_id id) {
    auto made = task_of(caller, id);
    made.gate = gate;
    return made;
  };
  EXPECT_TRUE(executor->push(gated(1, 100)));
  ASSERT_TRUE(all_begun(1));
  for (dojo_request_id id = 1; id <= 4; ++id) EXPECT_TRUE(executor->push(gated(1, id)));
  EXPECT_FALSE(executor->push(gated(1, 5)));
  EXPECT_TRUE(executor->push(gated(2, 11)));
  EXPECT_THAT(displaced_so_far(), ElementsAre(4));
  EXPECT_EQ(executor->waiting(), 4u);
  ended.release(100);
  EXPECT_TRUE(all_begun(5));
  EXPECT_TRUE(eventually([&] { return executor->waiting() == 0; }));
  EXPECT_TRUE(executor->push(gated(1, 200)));
  EXPECT_TRUE(all_begun(6)) << "the gate lets one through as before";
}

TEST_F(SharedExecutorTest, DoesNotDisplaceWhatHasPassedItsGate) {
  start(1, 3);
  EXPECT_TRUE(executor->push(task_of(9, 100)));
  ASSERT_TRUE(all_begun(1));
  const auto gate = std::make_shared<Gate>(10u);
  for (dojo_request_id id = 1; id <= 3; ++id) {
    auto made = task_of(1, id);
    made.gate = gate;
    EXPECT_TRUE(executor->push(std::move(made)));
  }
  EXPECT_FALSE(executor->push(task_of(2, 11)));
  EXPECT_THAT(displaced_so_far(), ElementsAre());
}

TEST_F(SharedExecutorTest, RefusesAtOnceWhatWillBeTooLate) {
  service = 2ms;
  start(1, 1'000);
  ended.release(40);
  dojo_request_id id = 0;
  for (int i = 0; i < 100; ++i) {
    auto made = task_of(1, ++id);
    made.arrived -= 1s;  // so that it comes before what has an earlier deadline
    EXPECT_TRUE(executor->push(std::move(made)));
  }
  ASSERT_TRUE(all_begun(41));
  auto hurried = task_of(1, ++id);
  hurried.deadline = hurried.arrived + 20ms;
  const auto pushed = executor->push(hurried);
  EXPECT_EQ(pushed.what, Pushed::What::too_late);
  EXPECT_GE(pushed.wait, 59 * 2ms);
  hurried.deadline = hurried.arrived + 1h;
  EXPECT_TRUE(executor->push(hurried));
  auto asked_first = task_of(1, ++id);
  asked_first.hooked = true;
  asked_first.deadline = asked_first.arrived + 20ms;
  EXPECT_TRUE(executor->push(asked_first)) << "its priority is not known yet";
  let(2);
  const std::lock_guard lock(mutex);
  EXPECT_THAT(late, ElementsAre(asked_first.id));
}

TEST_F(SharedExecutorTest, CountsOutWhatNobodyWaitsForBeforeItRefuses) {
  service = 20ms;
  std::atomic<bool> gone = false;
  Executor::Options options;
  options.run = [this](Executor& self, Task&& task, unsigned) { run(self, std::move(task)); };
  options.is_over = [&](dojo_request_id) { return gone.load(); };
  executor = std::make_unique<Executor>(std::move(options));
  ended.release(40);
  dojo_request_id id = 0;
  for (int i = 0; i < 100; ++i) {
    auto made = task_of(1, ++id);
    made.arrived -= 1s;
    EXPECT_TRUE(executor->push(std::move(made)));
  }
  ASSERT_TRUE(all_begun(41));
  gone = true;
  auto hurried = task_of(1, ++id);
  hurried.deadline = hurried.arrived + 1s;  // all that waited would have taken longer
  EXPECT_TRUE(executor->push(hurried));
  EXPECT_EQ(executor->waiting(), 1u);
}

TEST_F(ExecutorTest, GivesThePlaceBehindAGateOfARequestThatIsOverToANewOne) {
  start(1, 2);
  const auto gate = std::make_shared<Gate>(1u);
  for (dojo_request_id id = 1; id <= 3; ++id) EXPECT_TRUE(executor->push(task(id, gate)));
  ASSERT_TRUE(ran_so_far(1));
  EXPECT_FALSE(executor->push(task(4, gate)));
  {
    const std::lock_guard lock(mutex);
    over = {2, 3};
  }
  EXPECT_TRUE(eventually([&] { return executor->push(task(5, gate)); }));
  EXPECT_EQ(executor->waiting(), 1u);
}

TEST_F(SharedExecutorTest, RunsRefusesOrDisplacesEachExactlyOnce) {
  start(2, 8);
  ended.release(1'000'000);
  const auto gate = std::make_shared<Gate>(1u);
  std::mutex of_refused;
  std::vector<dojo_request_id> all;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (dojo_request_id i = 0; i < 3'000; ++i) {
        auto made = task_of(i % 5 == 0 ? 10 + t : t % 2, i * 4 + t + 1, 1 + t);
        if (i % 3 == 0) made.gate = gate;
        if (executor->push(std::move(made))) continue;
        const std::lock_guard lock(of_refused);
        all.push_back(i * 4 + t + 1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(eventually([&] { return executor->waiting() == 0; }));
  EXPECT_TRUE(executor->stop(20s));
  const std::lock_guard lock(mutex);
  EXPECT_FALSE(displaced.empty());
  all.insert(all.end(), begun.begin(), begun.end());
  all.insert(all.end(), displaced.begin(), displaced.end());
  std::ranges::sort(all);
  ASSERT_EQ(all.size(), 12'000u);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i + 1);
}

}  // namespace
}  // namespace dojo::request
