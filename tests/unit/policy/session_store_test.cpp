#include "policy/session/session_store.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;

TEST(CountWindow, TakesEachNumberOnceInAnyOrder) {
  std::vector<std::uint64_t> numbers(10 * CountWindow::kSize);
  std::iota(numbers.begin(), numbers.end(), 1);
  std::mt19937 random(7);
  // Mixed as far as the window reaches.
  for (std::size_t i = 0; i < numbers.size(); i += CountWindow::kSize / 2) {
    std::shuffle(numbers.begin() + static_cast<std::ptrdiff_t>(i),
                 numbers.begin() + static_cast<std::ptrdiff_t>(i + CountWindow::kSize / 2), random);
  }
  CountWindow window;
  for (const auto number : numbers) EXPECT_TRUE(window.take(number)) << number;
  for (const auto number : numbers) EXPECT_FALSE(window.take(number)) << number;
}

TEST(CountWindow, TakesNoneFromBehindItself) {
  CountWindow window;
  EXPECT_TRUE(window.take(CountWindow::kSize + 1));
  EXPECT_FALSE(window.take(1));
  EXPECT_TRUE(window.take(2));
  EXPECT_TRUE(window.take(CountWindow::kSize + 3));
  EXPECT_FALSE(window.take(3));
  EXPECT_TRUE(window.take(4));
}

TEST(CountWindow, KnowsNoZero) {
  CountWindow window;
  EXPECT_FALSE(window.take(0));
}

TEST(CountWindow, ForgetsNothingOnItsWayOn) {
  // Against a set, with steps around the sizes of a word and of the window.
  std::mt19937_64 random(11);
  CountWindow window;
  std::set<std::uint64_t> used;
  std::uint64_t highest = 0;
  constexpr std::array<std::uint64_t, 9> kSteps{1, 2, 63, 64, 65, 1'022, 1'023, 1'024, 1'025};
  for (int i = 0; i < 20'000; ++i) {
    const auto step = kSteps[random() % kSteps.size()];
    const bool ahead = random() % 4 == 0;
    if (!ahead && highest < step) continue;
    const auto number = ahead ? highest + step : highest - step;
    const bool expected =
        number > highest ||
        (number != 0 && highest - number < CountWindow::kSize && !used.contains(number));
    ASSERT_EQ(window.take(number), expected) << number << " of " << highest;
    used.insert(number);
    highest = std::max(highest, number);
  }
}

TEST(CountWindow, ReachesTheLastNumber) {
  constexpr auto kLast = std::numeric_limits<std::uint64_t>::max();
  CountWindow window;
  EXPECT_TRUE(window.take(5));
  EXPECT_TRUE(window.take(kLast));
  EXPECT_FALSE(window.take(kLast));
  EXPECT_TRUE(window.take(kLast - 1'023));
  EXPECT_FALSE(window.take(kLast - 1'024));
}

class SessionStoreTest : public testing::Test {
 protected:
  static wire::PublicKey hotkey(int number) {
    wire::PublicKey key{};
    key[0] = static_cast<std::uint8_t>(number);
    key[1] = static_cast<std::uint8_t>(number >> 8);
    return key;
  }
  SessionPtr make(int whose) {
    const wire::ExchangeSecret secret;
    const wire::SessionTerms terms{
        .client = hotkey(whose), .id = wire::make_session_id(), .expires = store->end_of_new()};
    return std::make_shared<Session>(
        terms, wire::SessionKey::derive(secret, secret.public_key(), terms).value());
  }
  SessionPtr open(int whose) {
    auto made = make(whose);
    EXPECT_TRUE(store->insert(made));
    return made;
  }
  void start() {
    store.emplace(options, [this] { return now.load(); });
  }
  bool is_open(const SessionPtr& session) { return store->find(session->id()) == session; }
  /// A moment later.
  void use(const SessionPtr& session) {
    now = now.load() + 1ms;
    EXPECT_TRUE(session->take(++counts[session->id()], now));
  }

  SessionOptions options{.lifetime = 100s, .per_hotkey = 3, .total = 8};
  std::atomic<WallTime> now{WallTime(1'800'000'000'000ms)};
  std::map<wire::SessionId, std::uint64_t> counts;
  std::optional<SessionStore> store;
};

TEST_F(SessionStoreTest, FindsWhatWasOpened) {
  start();
  const auto session = open(1);
  EXPECT_TRUE(is_open(session));
  EXPECT_EQ(session->hotkey(), hotkey(1));
  EXPECT_EQ(session->address(), wire::encode_ss58(hotkey(1)));
  EXPECT_EQ(session->expires(), now.load() + 100s);
  EXPECT_EQ(store->find(wire::make_session_id()), nullptr);
  EXPECT_EQ(store->sizes().open, 1U);
  EXPECT_EQ(store->sizes().opened, 1U);
}

TEST_F(SessionStoreTest, HasNoneWhereNoneAreOffered) {
  options.offered = false;
  start();
  EXPECT_FALSE(store->offered());
  EXPECT_FALSE(store->insert(make(1)));
  EXPECT_EQ(store->sizes().opened, 0U);
}

TEST_F(SessionStoreTest, DropsWhatIsOver) {
  start();
  const auto early = open(1);
  now = now.load() + 60s;
  const auto late = open(2);
  now = now.load() + 40s;
  EXPECT_EQ(store->sizes().open, 1U);
  EXPECT_FALSE(is_open(early));
  EXPECT_TRUE(is_open(late));
  EXPECT_EQ(store->sizes().evicted, 0U);
}

TEST_F(SessionStoreTest, TakesAHotkeysLeastUsedForItsNext) {
  start();
  const auto other = open(2);
  std::vector<SessionPtr> own{open(1), open(1), open(1)};
  use(own[1]);
  use(own[0]);
  use(own[2]);
  const auto next = open(1);
  EXPECT_TRUE(is_open(next) && is_open(own[0]) && is_open(own[2]) && is_open(other));
  EXPECT_FALSE(is_open(own[1]));
  EXPECT_EQ(store->sizes().evicted, 1U);
  EXPECT_EQ(store->sizes().open, 4U);
}

TEST_F(SessionStoreTest, TakesFromWhoHoldsMost) {
  start();
  std::vector<SessionPtr> many{open(1), open(1), open(1)};
  std::vector<SessionPtr> few;
  for (int whose = 2; whose < 7; ++whose) few.push_back(open(whose));
  for (const auto& one : many) use(one);  // it is used most, too
  ASSERT_EQ(store->sizes().open, 8U);
  const auto next = open(7);
  EXPECT_FALSE(is_open(many[0]));
  EXPECT_TRUE(is_open(many[1]) && is_open(many[2]) && is_open(next));
  for (const auto& one : few) EXPECT_TRUE(is_open(one));
  EXPECT_EQ(store->sizes().open, 8U);
}

TEST_F(SessionStoreTest, TakesTheLeastUsedWhereAllHoldAsMany) {
  start();
  std::vector<SessionPtr> all;
  for (int whose = 1; whose <= 8; ++whose) all.push_back(open(whose));
  for (std::size_t i : {3U, 0U, 1U, 2U, 4U, 5U, 6U, 7U}) use(all[i]);
  open(9);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(is_open(all[i]), i != 3) << i;
}

TEST_F(SessionStoreTest, KeepsWithinItsBoundsWhoeverComes) {
  start();
  for (int i = 0; i < 1'000; ++i) {
    open(i % 37);
    ASSERT_LE(store->sizes().open, 8U);
  }
  EXPECT_EQ(store->sizes().opened, 1'000U);
  EXPECT_EQ(store->sizes().evicted, 992U);
}

TEST_F(SessionStoreTest, KeepsThemWhenAnotherConfigComes) {
  start();
  const auto session = open(1);
  options.lifetime = 200s;
  options.total = 9;
  store->apply(options);
  EXPECT_TRUE(is_open(session));
  EXPECT_EQ(store->end_of_new(), now.load() + 200s);
}

TEST_F(SessionStoreTest, EndsThemWhenTheyAreTurnedOff) {
  start();
  const auto session = open(1);
  options.offered = false;
  store->apply(options);
  EXPECT_FALSE(is_open(session));
  EXPECT_EQ(store->sizes().open, 0U);
  options.offered = true;
  store->apply(options);
  EXPECT_FALSE(is_open(session));
  EXPECT_TRUE(is_open(open(1)));
}

TEST_F(SessionStoreTest, EndsThemWhenThereMayBeFewer) {
  start();
  const auto session = open(1);
  options.per_hotkey = 2;
  store->apply(options);
  EXPECT_FALSE(is_open(session));
}

TEST_F(SessionStoreTest, TakesACountForOneOfManyThreads) {
  start();
  const auto session = open(1);
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t count = 1; count <= 1'000; ++count) {
        if (store->find(session->id())->take(count, now)) ++taken;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken, 1'000);
}

TEST_F(SessionStoreTest, IsUsedByManyThreads) {
  start();
  std::vector<std::thread> threads;
  for (int whose = 1; whose <= 4; ++whose) {
    threads.emplace_back([&, whose] {
      for (int i = 0; i < 500; ++i) {
        const auto session = open(whose);
        if (const auto found = store->find(session->id())) found->take(1, now);
        (void)store->sizes();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(store->sizes().opened, 2'000U);
  EXPECT_LE(store->sizes().open, 8U);
}

}  // namespace
}  // namespace dojo::policy
