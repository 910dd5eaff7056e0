#include "pipeline/executor.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/support.hpp"

namespace dojo::pipeline {
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
    self.push_again(std::move(task));
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

}  // namespace
}  // namespace dojo::pipeline
