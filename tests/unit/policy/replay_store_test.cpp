#include "policy/replay/replay_store.hpp"

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_seconds;

constexpr std::size_t kMany = std::size_t{1} << 20;
constexpr std::size_t kOneAShard = std::size_t{64} * 28;
const sys_seconds kStart{1'800'000'000s};

/// Keys as evenly spread as hashes are (splitmix64, Steele et al. 2014).
ReplayKey key(std::uint64_t number) {
  ReplayKey made{};
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t x = number * 2 + half + 1;
    x = (x + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    x ^= x >> 31;
    std::memcpy(made.data() + 8 * half, &x, 8);
  }
  return made;
}

TEST(ReplayStore, RemembersWhatItHasSeen) {
  ReplayStore store(kMany);
  EXPECT_FALSE(store.contains(key(1)));
  EXPECT_TRUE(store.insert(key(1), kStart));
  EXPECT_TRUE(store.contains(key(1)));
  EXPECT_FALSE(store.insert(key(1), kStart));
  EXPECT_FALSE(store.contains(key(2)));
}

TEST(ReplayStore, ForgetsWhatIsOlderAndNothingElse) {
  ReplayStore store(kMany);
  for (std::uint64_t i = 0; i < 1'000; ++i) store.insert(key(i), kStart + std::chrono::seconds(i));
  store.forget(kStart + 400s);
  EXPECT_EQ(store.size(), 600u);
  for (std::uint64_t i = 0; i < 1'000; ++i) EXPECT_EQ(store.contains(key(i)), i >= 400) << i;
  EXPECT_EQ(store.evicted(), 0u);
  EXPECT_TRUE(store.insert(key(399), kStart + 1'000s));
  EXPECT_FALSE(store.insert(key(400), kStart + 1'000s));
}

TEST(ReplayStore, TellsHowFarItHasForgotten) {
  ReplayStore store(kMany);
  EXPECT_EQ(store.forgotten(), sys_seconds());
  for (std::uint64_t i = 0; i < 1'000; ++i) store.insert(key(i), kStart + std::chrono::seconds(i));
  store.forget(kStart + 400s);
  EXPECT_EQ(store.forgotten(), kStart + 399s);
  store.forget(kStart);
  EXPECT_EQ(store.forgotten(), kStart + 399s);
}

TEST(ReplayStore, ForgetsWhileItTakes) {
  ReplayStore store(kMany);
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const auto now = kStart + std::chrono::seconds(i / 100);
    ASSERT_TRUE(store.insert(key(i), now, now - 10s));
  }
  EXPECT_LT(store.size(), 3'000u);
  EXPECT_LT(store.bytes(), 300'000u);
  EXPECT_EQ(store.evicted(), 0u);
}

TEST(ReplayStore, DoesNotLiveLongerForBeingAskedFor) {
  ReplayStore store(kMany);
  store.insert(key(1), kStart);
  store.insert(key(1), kStart + 9s);
  store.forget(kStart + 1s);
  EXPECT_FALSE(store.contains(key(1)));
}

TEST(ReplayStore, TakesMemoryAsItFillsAndNeverMoreThanItsBudget) {
  ReplayStore store(kMany);
  EXPECT_LT(store.bytes(), 1'000u);
  for (std::uint64_t i = 0; i < 1'000; ++i) store.insert(key(i), kStart);
  EXPECT_LT(store.bytes(), 100'000u);
  for (std::uint64_t i = 1'000; i < 100'000; ++i) {
    store.insert(key(i), kStart);
    ASSERT_LE(store.bytes(), kMany);
  }
  EXPECT_LE(store.bytes(), kMany);
  EXPECT_LE(kMany / store.capacity(), 40u);  // bytes a key
  EXPECT_LE(store.size(), store.capacity());
  EXPECT_EQ(store.evicted(), 100'000 - store.size());
  EXPECT_GE(store.size() * 10, store.capacity() * 9);
}

TEST(ReplayStore, MakesRoomByForgettingTheOldest) {
  ReplayStore store(kOneAShard);
  const auto first = key(1);
  auto second = first;
  second[15] ^= 1;  // of the same shard
  store.insert(first, kStart);
  store.insert(second, kStart);
  EXPECT_TRUE(store.contains(second));
  EXPECT_FALSE(store.contains(first));
  EXPECT_EQ(store.evicted(), 1u);
  EXPECT_EQ(store.forgotten(), sys_seconds());  // not for its age
}

TEST(ReplayStore, TellsKeysOfOneBucketApart) {
  ReplayStore store(std::size_t{64} * 28 * 200);
  std::vector<ReplayKey> keys(200, key(1));
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i][15] = static_cast<std::uint8_t>(i);
  for (const auto& each : keys) EXPECT_TRUE(store.insert(each, kStart));
  for (const auto& each : keys) EXPECT_TRUE(store.contains(each));
  auto late = key(1);
  late[15] = 250;
  EXPECT_TRUE(store.insert(late, kStart + 1s));
  store.forget(kStart + 1s);
  for (const auto& each : keys) EXPECT_FALSE(store.contains(each));
  EXPECT_TRUE(store.contains(late));
}

TEST(ReplayStore, HoldsAtLeastSomethingWhateverItsBudget) {
  ReplayStore store(0);
  EXPECT_TRUE(store.insert(key(1), kStart));
  EXPECT_FALSE(store.insert(key(1), kStart));
}

TEST(ReplayStore, LetsExactlyOneThreadWin) {
  ReplayStore store(std::size_t{8} << 20);
  constexpr std::uint64_t kKeys = 2'000;
  std::vector<std::atomic<int>> winners(kKeys);
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i < kKeys; ++i) {
        if (store.insert(key(i), kStart)) ++winners[i];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& count : winners) EXPECT_EQ(count, 1);
  EXPECT_EQ(store.size(), kKeys);
}

}  // namespace
}  // namespace dojo::policy
