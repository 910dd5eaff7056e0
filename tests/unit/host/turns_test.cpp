#include "plugins/deploy/turns.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "host/support.hpp"

namespace dojo::plugins {
namespace {

using namespace std::chrono_literals;
using Turn = Turns::Turn;

class TurnsTest : public testing::Test {
 protected:
  /// Whether somebody who holds the mutex could be here now.
  bool is_free() {
    return std::async(std::launch::async,
                      [this] {
                        const std::unique_lock lock(turns.mutex(), std::try_to_lock);
                        return lock.owns_lock();
                      })
        .get();
  }
  Turns turns;
};

TEST_F(TurnsTest, KeepAPluginWhileTheMutexIsLetGo) {
  std::atomic<bool> is_in{false};
  std::thread other;
  {
    const std::lock_guard lock(turns.mutex());
    const Turn turn(turns, "score");
    other = std::thread([&] {
      const std::lock_guard its(turns.mutex());
      const Turn next(turns, "score");
      is_in = true;
    });
    turns.aside([&] {
      std::thread another([&] {  // waits for nobody
        const std::lock_guard its(turns.mutex());
        const Turn of_another(turns, "echo");
      });
      another.join();
    });
    EXPECT_TRUE(turns.taken("score"));
    EXPECT_FALSE(turns.taken("echo"));
    EXPECT_FALSE(is_in);
  }
  other.join();
  EXPECT_TRUE(is_in);
  EXPECT_FALSE(turns.taken("score"));
}

TEST_F(TurnsTest, AreWhoseTheyAreUntilTheFirstEnds) {
  const std::lock_guard lock(turns.mutex());
  const Turn turn(turns, "score");
  {
    const Turn again(turns, "score");
  }
  EXPECT_TRUE(turns.taken("score"));
}

TEST_F(TurnsTest, ComeBackAlsoFromWhatThrows) {
  const std::lock_guard lock(turns.mutex());
  EXPECT_EQ(turns.aside([&] { return is_free(); }), true);
  EXPECT_THROW(turns.aside([] { throw std::runtime_error("no memory"); }), std::runtime_error);
  EXPECT_FALSE(is_free());
}

TEST_F(TurnsTest, AreWaitedForNamedOrNot) {
  for (const auto* plugin : {"", "score"}) {
    const std::lock_guard lock(turns.mutex());
    EXPECT_TRUE(turns.wait_for_rest(0ms));
    std::atomic<bool> is_in{false};
    std::atomic<bool> may_end{false};
    std::thread other([&] {
      const std::lock_guard its(turns.mutex());
      const Turn turn(turns, plugin);
      is_in = true;
      turns.aside([&] { test::eventually([&] { return may_end.load(); }); });
    });
    turns.aside([&] { EXPECT_TRUE(test::eventually([&] { return is_in.load(); })); });
    EXPECT_FALSE(turns.wait_for_rest(0ms));
    may_end = true;
    EXPECT_TRUE(turns.wait_for_rest(1h)) << plugin;
    turns.aside([&] { other.join(); });
  }
}

}  // namespace
}  // namespace dojo::plugins
