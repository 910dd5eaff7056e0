#include "policy/replay/replay_store.hpp"

#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_seconds;

constexpr std::size_t kMany = std::size_t{1} << 20;
constexpr std::size_t kPlace = std::size_t{64} * 36;  // of each shard
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

/// Spread as they are.
HolderId holder(std::uint64_t number) {
  HolderId made = 0;
  std::memcpy(&made, key(~number).data(), sizeof made);
  return made;
}

Seen insert(ReplayStore& store, const ReplayKey& key, sys_seconds time, HolderId holder = 1,
            sys_seconds before = {}) {
  return store.insert({key, time, holder, true}, before).seen;
}

bool knows(const ReplayStore& store, const ReplayKey& key) {
  return store.look({key, kNobody}, {}) == Seen::known;
}

TEST(ReplayStore, RemembersWhatItHasSeen) {
  ReplayStore store(kMany);
  EXPECT_FALSE(knows(store, key(1)));
  EXPECT_EQ(insert(store, key(1), kStart), Seen::fresh);
  EXPECT_TRUE(knows(store, key(1)));
  EXPECT_EQ(insert(store, key(1), kStart), Seen::known);
  EXPECT_EQ(insert(store, key(1), kStart, 2), Seen::known);
  EXPECT_FALSE(knows(store, key(2)));
}

TEST(ReplayStore, ForgetsWhatIsOlderAndNothingElse) {
  ReplayStore store(kMany);
  for (std::uint64_t i = 0; i < 1'000; ++i) insert(store, key(i), kStart + std::chrono::seconds(i));
  store.forget(kStart + 400s);
  EXPECT_EQ(store.size(), 600u);
  for (std::uint64_t i = 0; i < 1'000; ++i) EXPECT_EQ(knows(store, key(i)), i >= 400) << i;
  EXPECT_EQ(store.evicted(), 0u);
  EXPECT_EQ(insert(store, key(399), kStart + 1'000s), Seen::fresh);
  EXPECT_EQ(insert(store, key(400), kStart + 1'000s), Seen::known);
}

TEST(ReplayStore, TellsHowFarItHasForgotten) {
  ReplayStore store(kMany);
  EXPECT_EQ(store.forgotten(), sys_seconds());
  for (std::uint64_t i = 0; i < 1'000; ++i) insert(store, key(i), kStart + std::chrono::seconds(i));
  store.forget(kStart + 400s);
  EXPECT_EQ(store.forgotten(), kStart + 399s);
  store.forget(kStart);
  EXPECT_EQ(store.forgotten(), kStart + 399s);
}

TEST(ReplayStore, ForgetsWhileItTakes) {
  ReplayStore store(kMany);
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const auto now = kStart + std::chrono::seconds(i / 100);
    ASSERT_EQ(insert(store, key(i), now, 1, now - 10s), Seen::fresh);
  }
  EXPECT_LT(store.size(), 3'000u);
  EXPECT_LT(store.bytes(), 300'000u);
  EXPECT_EQ(store.evicted(), 0u);
}

TEST(ReplayStore, DoesNotLiveLongerForBeingAskedFor) {
  ReplayStore store(kMany);
  insert(store, key(1), kStart);
  insert(store, key(1), kStart + 9s);
  store.forget(kStart + 1s);
  EXPECT_FALSE(knows(store, key(1)));
}

TEST(ReplayStore, TakesMemoryAsItFillsAndNeverMoreThanItsBudget) {
  ReplayStore store(kMany);
  EXPECT_LT(store.bytes(), 1'000u);
  for (std::uint64_t i = 0; i < 1'000; ++i) insert(store, key(i), kStart);
  EXPECT_LT(store.bytes(), 100'000u);
  for (std::uint64_t i = 1'000; i < 100'000; ++i) {
    insert(store, key(i), kStart + std::chrono::seconds(i));
    ASSERT_LE(store.bytes(), kMany);
  }
  EXPECT_LE(kMany / store.capacity(), 37u);  // bytes a place
  EXPECT_EQ(store.evicted(), 100'000 - store.size());
}

TEST(ReplayStore, MakesRoomByForgettingTheHoldersOldest) {
  ReplayStore store(2 * kPlace);
  const auto first = key(1);
  auto second = first;
  second[15] ^= 1;  // of the same shard
  insert(store, first, kStart);
  const auto done = store.insert({second, kStart + 1s, 1, true});
  EXPECT_EQ(done.own, 1u);
  EXPECT_EQ(done.others, 0u);
  EXPECT_TRUE(knows(store, second));
  EXPECT_FALSE(knows(store, first));
  EXPECT_EQ(store.evicted(), 1u);
  EXPECT_EQ(store.crowded_out(), 0u);
  EXPECT_EQ(store.forgotten(), sys_seconds());  // not for its age
  EXPECT_EQ(insert(store, first, kStart), Seen::given_up);
  EXPECT_EQ(store.look({first, 1}, kStart), Seen::given_up);
  EXPECT_EQ(store.look({first, 2}, kStart), Seen::fresh);
}

TEST(ReplayStore, TellsKeysOfOneBucketApart) {
  ReplayStore store(kPlace * 500);
  std::vector<ReplayKey> keys(200, key(1));
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i][15] = static_cast<std::uint8_t>(i);
  for (const auto& each : keys) EXPECT_EQ(insert(store, each, kStart), Seen::fresh);
  for (const auto& each : keys) EXPECT_TRUE(knows(store, each));
  auto late = key(1);
  late[15] = 250;
  EXPECT_EQ(insert(store, late, kStart + 1s), Seen::fresh);
  store.forget(kStart + 1s);
  for (const auto& each : keys) EXPECT_FALSE(knows(store, each));
  EXPECT_TRUE(knows(store, late));
}

TEST(ReplayStore, HoldsAtLeastSomethingWhateverItsBudget) {
  ReplayStore store(0);
  EXPECT_EQ(insert(store, key(1), kStart), Seen::fresh);
  EXPECT_EQ(insert(store, key(1), kStart), Seen::known);
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
        if (insert(store, key(i), kStart) == Seen::fresh) ++winners[i];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& count : winners) EXPECT_EQ(count, 1);
  EXPECT_EQ(store.size(), kKeys);
}

// ---- who holds how much

/// Floods a store in turn with keys of so many holders, from `first` on. @return how many of each
/// are known afterwards
std::vector<std::size_t> flood(ReplayStore& store, std::uint64_t holders, std::uint64_t first,
                               std::uint64_t keys) {
  std::vector<std::size_t> known(holders);
  for (auto i = first; i < first + keys; ++i) {
    EXPECT_EQ(insert(store, key(i), kStart + std::chrono::seconds(i), holder(i % holders)),
              Seen::fresh);
  }
  for (auto i = first; i < first + keys; ++i) known[i % holders] += knows(store, key(i)) ? 1U : 0U;
  return known;
}

TEST(ReplayStore, GivesEachHolderAsMuchAsStaysFree) {
  for (const std::uint64_t holders : {1U, 2U, 3U, 9U}) {
    ReplayStore store(kMany);
    const auto share = store.capacity() / (holders + 1);
    for (const auto known : flood(store, holders, 0, 200'000)) {
      EXPECT_LE(known, share + 64) << holders;
      EXPECT_GE(known, share - 64 * (holders + 1)) << holders;
    }
    EXPECT_EQ(store.crowded_out(), 0u);
  }
}

TEST(ReplayStore, TakesNobodyElsesKeyForWhoFloods) {
  ReplayStore store(kMany);
  constexpr std::uint64_t kOthers = 5'000;
  for (std::uint64_t i = 0; i < kOthers; ++i) {
    insert(store, key(i), kStart, holder(1'000 + i % 20));
  }
  flood(store, 2, kOthers, 300'000);
  for (std::uint64_t i = 0; i < kOthers; ++i) {
    EXPECT_EQ(insert(store, key(i), kStart, holder(1'000 + i % 20)), Seen::known) << i;
  }
}

TEST(ReplayStore, GivesItsShareToWhoComesLate) {
  ReplayStore store(kMany);
  flood(store, 1, 0, 100'000);
  const auto known = flood(store, 2, 100'000, 200'000);
  for (const auto each : known) {
    EXPECT_LE(each, store.capacity() / 3 + 64);
    EXPECT_GE(each, store.capacity() / 3 - 300);
  }
  EXPECT_EQ(store.crowded_out(), 0u);
}

TEST(ReplayStore, IsExactAboutWhatAHolderGaveUp) {
  ReplayStore store(kMany);
  flood(store, 1, 0, 60'000);
  std::size_t given_up = 0;
  for (std::uint64_t i = 0; i < 60'000; ++i) {
    const auto time = kStart + std::chrono::seconds(i);
    const auto seen = store.look({key(i), holder(0)}, time);
    ASSERT_NE(seen, Seen::fresh) << i;
    if (seen == Seen::given_up) ++given_up;
    EXPECT_EQ(insert(store, key(i), time, holder(0)), seen) << i;
    if (seen != Seen::given_up) continue;
    // What is of that time is anybody else's still.
    EXPECT_EQ(store.look({key(i), holder(1)}, time), Seen::fresh);
  }
  EXPECT_EQ(given_up, store.evicted());
  // Of the same time, but another shard's, or of a later one.
  EXPECT_EQ(insert(store, key(70'000), kStart + 60'000s, holder(0)), Seen::fresh);
}

TEST(ReplayStore, KeepsAQuarterForThoseWhoAreNotRegistered) {
  ReplayStore store(kMany);
  constexpr std::uint64_t kOthers = 5'000;
  for (std::uint64_t i = 0; i < kOthers; ++i) insert(store, key(i), kStart, holder(i % 20));
  for (std::uint64_t i = kOthers; i < 100'000; ++i) {
    const auto done = store.insert({key(i), kStart + std::chrono::seconds(i), holder(i), false});
    ASSERT_EQ(done.seen, Seen::fresh) << i;
    ASSERT_LE(store.bytes(), kMany);
  }
  EXPECT_LE(store.size() - kOthers, store.capacity() / 8);  // each needs a place for itself too
  EXPECT_GE(store.size() - kOthers, store.capacity() / 8 - 64);
  EXPECT_EQ(store.evicted(), store.crowded_out());
  for (std::uint64_t i = 0; i < kOthers; ++i) {
    EXPECT_EQ(insert(store, key(i), kStart, holder(i % 20)), Seen::known) << i;
  }
  for (std::uint64_t i = kOthers; i < 100'000; ++i) {
    const ReplayRecord again{key(i), kStart + std::chrono::seconds(i), holder(i), false};
    ASSERT_NE(store.insert(again).seen, Seen::fresh) << i;
  }
}

TEST(ReplayStore, TakesMostFromWhoHoldsMostWhenThereIsNoPlaceForOneMore) {
  ReplayStore store(kMany);
  flood(store, 3, 0, 100'000);
  constexpr std::uint64_t kFew = 640;
  std::size_t few = 0;
  for (std::uint64_t i = 0; i < kFew; ++i) insert(store, key(200'000 + i), kStart, holder(77));
  for (std::uint64_t i = 0; i < 8'000; ++i) {
    insert(store, key(300'000 + i), kStart, holder(1'000 + i));
  }
  EXPECT_GT(store.crowded_out(), 1'000u);
  for (std::uint64_t i = 0; i < kFew; ++i) few += knows(store, key(200'000 + i)) ? 1U : 0U;
  EXPECT_GT(few, kFew / 2);
}

TEST(ReplayStore, KnowsWhatWasGivenUpByWhoIsRegisteredOnlyNow) {
  ReplayStore store(8 * kPlace);
  const ReplayRecord first{key(1), kStart, holder(1), false};
  store.insert(first);
  for (std::uint64_t i = 2; i < 10'000; ++i) {
    store.insert({key(i), kStart, holder(i), false});
  }
  ASSERT_FALSE(knows(store, key(1)));
  auto again = first;
  again.registered = true;
  EXPECT_EQ(store.insert(again, {}, kStart).seen, Seen::given_up);
  again.time = kStart + 1s;
  EXPECT_EQ(store.insert(again, {}, kStart).seen, Seen::fresh);
}

TEST(ReplayStore, LetsNobodyWhoIsRegisteredWaitForWhoIsNot) {
  ReplayStore store(8 * kPlace);
  for (std::uint64_t i = 2; i < 10'000; ++i) {
    store.insert({key(i), kStart + 30s, holder(i), false});
  }
  EXPECT_EQ(store.insert({key(1), kStart, holder(1), true}, {}, kStart - 1s).seen, Seen::fresh);
}

TEST(ReplayStore, MovesAHolderWhoseKeysAreThere) {
  ReplayStore store(kMany);
  const auto quarter = store.capacity() / 4;
  flood(store, 1, 0, 100'000);
  for (std::uint64_t i = 100'000; i < 200'000; ++i) {
    store.insert({key(i), kStart + std::chrono::seconds(i), holder(0), false});
  }
  EXPECT_LE(store.size(), quarter / 2 + 64);
  for (std::uint64_t i = 200'000; i < 300'000; ++i) {
    store.insert({key(i), kStart + std::chrono::seconds(i), holder(0), true});
  }
  EXPECT_GE(store.size(), 2 * quarter - 200);
}

TEST(ReplayStore, IsCarefulAboutKeysOfNobodyKnows) {
  ReplayStore store(8 * kPlace);
  for (std::uint64_t i = 0; i < 400; ++i) insert(store, key(i), kStart, kNobody);
  EXPECT_GT(store.evicted(), 0u);
  EXPECT_EQ(store.forgotten(), kStart);
  EXPECT_GT(store.size(), store.capacity() / 2);  // no share is its
}

TEST(ReplayStore, LetsWhatHasNoTimeComeAgainOnceItIsGivenUp) {
  ReplayStore store(2 * kPlace, false);
  auto second = key(1);
  second[15] ^= 1;
  insert(store, key(1), kStart);
  EXPECT_TRUE(store.needs({key(1), kStart}));
  insert(store, second, kStart);
  EXPECT_EQ(store.look({key(1), 1}, kStart), Seen::fresh);
  EXPECT_EQ(insert(store, key(1), kStart), Seen::fresh);
  EXPECT_FALSE(store.needs({key(1), kStart}));
}

TEST(ReplayStore, ForgetsSomeShardsByTurns) {
  ReplayStore store(kMany);
  for (std::uint64_t i = 0; i < 1'000; ++i) insert(store, key(i), kStart);
  store.forget(kStart + 1s, 32);
  EXPECT_GT(store.size(), 300u);
  EXPECT_LT(store.size(), 700u);
  store.forget(kStart + 1s, 32);
  EXPECT_EQ(store.size(), 0u);
}

/// A message of a holder, and what has become of it.
struct Message {
  ReplayRecord record;
  bool accepted = false;
};

TEST(ReplayStore, TakesNothingTwiceWhateverComes) {
  for (const unsigned seed : {1U, 2U, 3U, 4U}) {
    std::mt19937 random(seed);  // NOLINT(cert-msc51-cpp): the same in every run
    const auto budget = kPlace * (2 + random() % 60);
    ReplayStore store(budget);
    std::vector<Message> messages;
    std::map<HolderId, bool> registered;
    sys_seconds changed;
    auto latest = kStart;
    auto now = kStart;
    for (int i = 0; i < 60'000; ++i) {
      if (random() % 20 == 0) now += 1s;
      if (random() % 2'000 == 0) now += 100s;
      if (messages.empty() || random() % 3 != 0) {
        // Some have most, many have one, and clocks are wrong.
        const auto id = random() % 2 == 0 ? holder(random() % 3) : holder(random() % 4'000);
        const auto time = now + std::chrono::seconds(static_cast<int>(random() % 60) - 30);
        messages.push_back({{key(seed * 1'000'000 + messages.size()), time, id}});
      }
      auto& message = random() % 2 == 0 ? messages.back() : messages[random() % messages.size()];
      auto& record = message.record;
      if (random() % 1'000 == 0) {
        registered[record.holder] = !registered[record.holder];
        changed = latest;
      }
      if (record.time < now - 30s || record.time > now + 30s || record.time <= store.forgotten()) {
        continue;  // stale
      }
      latest = std::max(latest, record.time);
      record.registered = registered[record.holder];
      const auto seen = store.insert(record, now - 61s, changed).seen;
      if (message.accepted) {
        ASSERT_NE(seen, Seen::fresh) << i;
      } else {
        ASSERT_NE(seen, Seen::known) << i;
      }
      message.accepted |= seen == Seen::fresh;
      ASSERT_LE(store.bytes(), budget);
    }
    EXPECT_GT(store.crowded_out(), 0u);
    EXPECT_GT(store.evicted(), store.crowded_out());
  }
}

TEST(ReplayStore, TakesNothingTwiceFromSeveralThreads) {
  constexpr std::uint64_t kKeys = 40'000;
  ReplayStore store(kPlace * 40);
  std::vector<std::atomic<int>> accepted(kKeys);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));  // NOLINT(cert-msc51-cpp)
      for (std::uint64_t i = 0; i < kKeys; ++i) {
        const auto number = i - std::min<std::uint64_t>(i, random() % 3'000);
        const auto its = number % 2 == 0 ? holder(number % 6) : holder(number);
        const ReplayRecord record{key(number), kStart + std::chrono::seconds(number / 50), its,
                                  number % 3 == 0};
        if (store.insert(record).seen == Seen::fresh) ++accepted[number];
        if (i % 5'000 == 0) {
          EXPECT_LE(store.bytes(), kPlace * 40);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& count : accepted) EXPECT_LE(count, 1);
  EXPECT_GT(store.crowded_out(), 0u);
}

}  // namespace
}  // namespace dojo::policy
