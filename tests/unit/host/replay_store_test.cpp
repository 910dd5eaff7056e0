#include "access/replay_store.hpp"

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace dojo::access {
namespace {

using namespace std::chrono_literals;

/// Keys as evenly spread as hashes are (splitmix64, Steele et al. 2014).
ReplayStore::Key key(std::uint64_t number) {
  ReplayStore::Key made{};
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t x = number * 2 + half + 1;
    x = (x + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    x ^= x >> 31;
    std::memcpy(made.data() + 8 * half, &x, 8);
  }
  return made;
}

const auto kStart = ReplayStore::Clock::time_point(1h);

TEST(ReplayStore, RemembersWhatItHasSeen) {
  ReplayStore store(1000, 10s);
  EXPECT_FALSE(store.contains(key(1), kStart));
  EXPECT_TRUE(store.insert(key(1), kStart));
  EXPECT_TRUE(store.contains(key(1), kStart));
  EXPECT_FALSE(store.insert(key(1), kStart));
  EXPECT_FALSE(store.contains(key(2), kStart));
}

TEST(ReplayStore, ForgetsAfterItsTimeAndNotBefore) {
  ReplayStore store(1000, 10s);
  store.insert(key(1), kStart);
  EXPECT_FALSE(store.insert(key(1), kStart + 10s - 1ns));
  EXPECT_TRUE(store.insert(key(1), kStart + 10s));
  EXPECT_EQ(store.evicted(), 0u);
}

TEST(ReplayStore, DoesNotLiveLongerForBeingAskedFor) {
  ReplayStore store(1000, 10s);
  store.insert(key(1), kStart);
  store.insert(key(1), kStart + 9s);
  EXPECT_FALSE(store.contains(key(1), kStart + 10s));
}

TEST(ReplayStore, IsBounded) {
  ReplayStore store(160, 10s);
  for (std::uint64_t i = 0; i < 10'000; ++i) store.insert(key(i), kStart);
  EXPECT_LE(store.size(), 160u);
  EXPECT_EQ(store.evicted(), 10'000 - store.size());
}

TEST(ReplayStore, MakesRoomByForgettingTheOldest) {
  ReplayStore store(16, 10s);  // one key a shard
  const auto first = key(1);
  auto second = first;
  second[15] ^= 1;  // of the same shard
  store.insert(first, kStart);
  store.insert(second, kStart);
  EXPECT_TRUE(store.contains(second, kStart));
  EXPECT_FALSE(store.contains(first, kStart));
  EXPECT_EQ(store.evicted(), 1u);
}

TEST(ReplayStore, HoldsAtLeastSomethingWhateverItsCapacity) {
  ReplayStore store(0, 10s);
  EXPECT_TRUE(store.insert(key(1), kStart));
  EXPECT_FALSE(store.insert(key(1), kStart));
}

TEST(ReplayStore, LetsExactlyOneThreadWin) {
  ReplayStore store(100'000, 1h);
  constexpr std::uint64_t kKeys = 2'000;
  std::vector<std::atomic<int>> winners(kKeys);
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i < kKeys; ++i) {
        if (store.insert(key(i))) ++winners[i];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& count : winners) EXPECT_EQ(count, 1);
  EXPECT_EQ(store.size(), kKeys);
}

}  // namespace
}  // namespace dojo::access
