#include "pipeline/executor.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/support.hpp"

namespace dojo::pipeline {
namespace {

using test::eventually;
using testing::ElementsAre;

/// An executor whose tasks wait until the test lets them end.
class ExecutorTest : public testing::Test {
 protected:
  void start(unsigned workers, std::size_t capacity) {
    executor = std::make_unique<Executor>(workers, capacity,
                                          [this](const Executor::Task& task) { run(task); });
  }
  ~ExecutorTest() override {
    allow_all();
    executor->stop();
  }
  void run(const Executor::Task& task) {
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
  bool open = false;
  int running = 0;
  int most = 0;
  std::unique_ptr<Executor> executor;
};

TEST_F(ExecutorTest, RunsInOrder) {
  start(1, 100);
  for (dojo_request_id id = 1; id <= 5; ++id) EXPECT_TRUE(executor->push({id, nullptr}));
  allow_all();
  ASSERT_TRUE(ran_so_far(5));
  EXPECT_THAT(order(), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(ExecutorTest, RefusesMoreThanItsQueueHolds) {
  start(1, 3);
  EXPECT_TRUE(executor->push({1, nullptr}));
  ASSERT_TRUE(ran_so_far(1));  // it runs, and waits no more
  for (dojo_request_id id = 2; id <= 4; ++id) EXPECT_TRUE(executor->push({id, nullptr}));
  EXPECT_EQ(executor->waiting(), 3u);
  EXPECT_FALSE(executor->push({5, nullptr}));
  allow(1);
  ASSERT_TRUE(ran_so_far(2));
  EXPECT_TRUE(executor->push({6, nullptr}));
}

TEST_F(ExecutorTest, HonoursAGate) {
  start(8, 100);
  const auto gate = std::make_shared<Gate>(2u);
  for (dojo_request_id id = 1; id <= 40; ++id) EXPECT_TRUE(executor->push({id, gate}));
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
  for (dojo_request_id id = 1; id <= 20; ++id) EXPECT_TRUE(executor->push({id, gate}));
  allow_all();
  ASSERT_TRUE(ran_so_far(20));
  const auto ids = order();
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
}

TEST_F(ExecutorTest, DoesNotLetAGateHoldUpOthers) {
  start(2, 100);
  const auto gate = std::make_shared<Gate>(1u);
  for (dojo_request_id id = 1; id <= 50; ++id) EXPECT_TRUE(executor->push({id, gate}));
  EXPECT_TRUE(executor->push({1000, nullptr}));
  ASSERT_TRUE(ran_so_far(2));
  EXPECT_EQ(order().back(), 1000u);
}

TEST_F(ExecutorTest, DoesNotLetAGateFillTheQueueForOthers) {
  start(2, 10);
  const auto gate = std::make_shared<Gate>(1u);
  std::size_t taken = 0;
  for (dojo_request_id id = 1; id <= 50; ++id) taken += executor->push({id, gate}) ? 1u : 0u;
  EXPECT_EQ(taken, 11u);  // one that runs, and as many as the capacity that wait for it
  EXPECT_TRUE(executor->push({1000, nullptr}));
  ASSERT_TRUE(ran_so_far(2));
  EXPECT_EQ(order().back(), 1000u);
}

TEST_F(ExecutorTest, LetsTheNextOnePassWhenTheOneBeforeHasEnded) {
  start(2, 10);
  const auto gate = std::make_shared<Gate>(1u);
  for (dojo_request_id id = 1; id <= 3; ++id) EXPECT_TRUE(executor->push({id, gate}));
  ASSERT_TRUE(ran_so_far(1));
  allow(1);
  ASSERT_TRUE(ran_so_far(2));
  allow(2);
  ASSERT_TRUE(ran_so_far(3));
  EXPECT_THAT(order(), ElementsAre(1, 2, 3));
}

TEST_F(ExecutorTest, DropsWhatWaitsWhenItStops) {
  start(1, 100);
  for (dojo_request_id id = 1; id <= 10; ++id) EXPECT_TRUE(executor->push({id, nullptr}));
  ASSERT_TRUE(ran_so_far(1));
  std::thread stopper([&] { executor->stop(); });
  EXPECT_TRUE(eventually([&] { return !executor->push({99, nullptr}); }));
  allow(1);
  stopper.join();
  EXPECT_THAT(order(), ElementsAre(1));
}

}  // namespace
}  // namespace dojo::pipeline
