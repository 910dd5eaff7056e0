#include "policy/quotas.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;
using base::IpAddress;

wire::PublicKey key(unsigned number) {
  wire::PublicKey made{};
  made[0] = static_cast<std::uint8_t>(number);
  made[1] = static_cast<std::uint8_t>(number >> 8);
  made[2] = static_cast<std::uint8_t>(number >> 16);
  return made;
}

base::IpAddress ip(unsigned number) {
  return *base::IpAddress::parse("10." + std::to_string(number >> 16 & 255) + "." +
                                 std::to_string(number >> 8 & 255) + "." +
                                 std::to_string(number & 255));
}

class QuotasTest : public testing::Test {
 protected:
  Quotas& start() {
    quotas = std::make_unique<Quotas>(options);
    return *quotas;
  }
  std::optional<Over> ask(const wire::PublicKey& hotkey, double weight = 1) {
    Quotas::Place place;
    return quotas->charge_hotkey(hotkey, weight, place, now);
  }
  /// How many requests go through at once.
  int burst(const wire::PublicKey& hotkey, double weight = 1) {
    int passed = 0;
    while (passed < 10'000 && !ask(hotkey, weight)) ++passed;
    return passed;
  }
  QuotaOptions options;
  std::unique_ptr<Quotas> quotas;
  Quotas::Clock::time_point now = Quotas::Clock::time_point(1'000h);
};

TEST_F(QuotasTest, LimitNobodyUnlessToldTo) {
  start();
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_FALSE(ask(key(1)));
    EXPECT_FALSE(quotas->charge_ip(ip(1), now));
    EXPECT_FALSE(quotas->charge_bytes(key(1), 1, ip(1), 1 << 30, now));
    EXPECT_FALSE(quotas->look_at(key(1), 1, now));
  }
  EXPECT_EQ(quotas->sizes().hotkeys, 0u);
  EXPECT_EQ(quotas->sizes().ips, 0u);
}

TEST_F(QuotasTest, LetABurstThroughAndThenTheRate) {
  options.hotkey_requests = {10, 5};
  start();
  EXPECT_EQ(burst(key(1)), 5);
  const auto over = ask(key(1));
  ASSERT_TRUE(over);
  EXPECT_EQ(over->quota, "requests of this hotkey");
  EXPECT_EQ(over->retry_after, 100ms);
  now += 99ms;
  EXPECT_EQ(ask(key(1))->retry_after, 1ms);
  now += 1ms;
  EXPECT_EQ(burst(key(1)), 1);
  now += 1h;
  EXPECT_EQ(burst(key(1)), 5) << "what was not asked for does not add up";
}

TEST_F(QuotasTest, KeepTheRateInTheLongRun) {
  options.hotkey_requests = {3, 7};  // a third of a second is no whole number of nanoseconds
  start();
  int passed = 0;
  for (int i = 0; i < 100'000; ++i, now += 10ms) passed += ask(key(1)) ? 0 : 1;
  EXPECT_NEAR(passed, 3'000 + 7, 1);
}

TEST_F(QuotasTest, SayWhenARetryWillSucceed) {
  for (const double rate : {0.3, 1.0, 7.0, 333.0, 12'345.0}) {
    options.hotkey_requests = {rate, 3};
    start();
    EXPECT_EQ(burst(key(1)), 3);
    const auto over = ask(key(1));
    ASSERT_TRUE(over);
    EXPECT_GE(over->retry_after, 1ms);
    EXPECT_LE(std::chrono::duration<double>(over->retry_after).count(), 1 / rate + 0.001);
    now += over->retry_after;
    EXPECT_FALSE(ask(key(1))) << rate;
  }
}

TEST_F(QuotasTest, KeepCallersApart) {
  options.hotkey_requests = {1, 2};
  options.ip_requests = {1, 2};
  start();
  EXPECT_EQ(burst(key(1)), 2);
  EXPECT_EQ(burst(key(2)), 2);
  EXPECT_FALSE(quotas->charge_ip(ip(1), now));
  EXPECT_FALSE(quotas->charge_ip(ip(1), now));
  EXPECT_EQ(quotas->charge_ip(ip(1), now)->quota, "requests of this address");
  EXPECT_FALSE(quotas->charge_ip(ip(2), now));
}

TEST_F(QuotasTest, CountAnIpv6NetworkAsOne) {
  options.ip_requests = {1, 1};
  start();
  EXPECT_FALSE(quotas->charge_ip(*base::IpAddress::parse("2001:db8:0:1::1"), now));
  EXPECT_TRUE(quotas->charge_ip(*base::IpAddress::parse("2001:db8:0:1:ffff::2"), now));
  EXPECT_FALSE(quotas->charge_ip(*base::IpAddress::parse("2001:db8:0:2::1"), now));
}

TEST_F(QuotasTest, GiveMoreToMoreStake) {
  options.hotkey_requests = {1, 10};
  options.by_stake = true;
  start();
  EXPECT_EQ(burst(key(1), 1), 10);
  EXPECT_EQ(burst(key(2), 4), 10) << "the burst counts requests";
  EXPECT_EQ(ask(key(1), 1)->retry_after, 1'000ms);
  EXPECT_EQ(ask(key(2), 4)->retry_after, 250ms);
  EXPECT_EQ(burst(key(3), 0.1), 10);
  EXPECT_EQ(ask(key(3), 0.1)->retry_after, 10'000ms);
}

TEST_F(QuotasTest, DoNotLookAtStakeUnlessToldTo) {
  options.hotkey_requests = {1, 1};
  start();
  EXPECT_EQ(burst(key(1), 10), 1);
  EXPECT_EQ(ask(key(1), 10)->retry_after, 1'000ms);
}

TEST(WeightOf, IsTheShareOfTheMeanWithinBounds) {
  EXPECT_EQ(weight_of(50, 100), 0.5);
  EXPECT_EQ(weight_of(300, 100), 3);
  EXPECT_EQ(weight_of(1, 100), 0.1);
  EXPECT_EQ(weight_of(0, 100), 0.1);
  EXPECT_EQ(weight_of(1e9, 100), 10);
  EXPECT_EQ(weight_of(5, 0), 1);
  EXPECT_EQ(weight_of(std::nan(""), 100), 1);
  EXPECT_EQ(weight_of(5, std::nan("")), 1);
  EXPECT_EQ(weight_of(std::numeric_limits<double>::infinity(), 100), 10);
}

TEST_F(QuotasTest, LookWithoutCharging) {
  options.hotkey_requests = {1, 2};
  start();
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(quotas->look_at(key(1), 1, now));
  EXPECT_EQ(quotas->sizes().hotkeys, 0u) << "a name that somebody uses makes no account";
  EXPECT_EQ(burst(key(1)), 2);
  EXPECT_EQ(quotas->look_at(key(1), 1, now)->retry_after, 1'000ms);
  EXPECT_EQ(quotas->look_at(key(1), 1, now)->quota, "requests of this hotkey");
  now += 1s;
  EXPECT_FALSE(quotas->look_at(key(1), 1, now));
}

TEST_F(QuotasTest, LookAtBytesThatAreOwed) {
  options.hotkey_bytes = {1'000, 1'000};
  start();
  EXPECT_FALSE(quotas->charge_bytes(key(1), 1, ip(1), 1'000, now));
  EXPECT_FALSE(quotas->look_at(key(1), 1, now)) << "an empty body would do";
  now += 1s;
  EXPECT_FALSE(quotas->charge_bytes(key(1), 1, ip(1), 3'000, now));
  const auto over = quotas->look_at(key(1), 1, now);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->quota, "bytes of this hotkey");
  EXPECT_EQ(over->retry_after, 2s);
}

TEST_F(QuotasTest, LetABodyLargerThanTheBurstThroughOnceNothingIsOwed) {
  options.hotkey_bytes = {1'000, 2'000};
  start();
  EXPECT_FALSE(quotas->charge_bytes(key(1), 1, ip(1), 1, now));
  const auto over = quotas->charge_bytes(key(1), 1, ip(1), 10'000, now);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->quota, "bytes of this hotkey");
  EXPECT_EQ(over->retry_after, 1ms);
  now += over->retry_after;
  EXPECT_FALSE(quotas->charge_bytes(key(1), 1, ip(1), 10'000, now));
  EXPECT_EQ(quotas->charge_bytes(key(1), 1, ip(1), 1'000, now)->retry_after, 9s)
      << "ten seconds' worth, of which two at most may be owed after the next";
}

TEST_F(QuotasTest, ChargeBytesToBothOrToNone) {
  options.hotkey_bytes = {1'000, 1'000};
  options.ip_bytes = {100, 1'000};
  start();
  EXPECT_FALSE(quotas->charge_bytes(key(1), 1, ip(1), 1'000, now));
  const auto over = quotas->charge_bytes(key(2), 1, ip(1), 1'000, now);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->quota, "bytes of this address");
  EXPECT_EQ(over->retry_after, 10s);
  EXPECT_FALSE(quotas->charge_bytes(key(2), 1, ip(2), 1'000, now)) << "key(2) was not charged";
  now += 1s;
  EXPECT_TRUE(quotas->charge_bytes(key(1), 1, ip(2), 1'000, now));
  EXPECT_FALSE(quotas->charge_bytes(key(1), 1, ip(3), 1'000, now));
}

TEST_F(QuotasTest, StandAbsurdNumbers) {
  options.hotkey_bytes = {1e-6, 1};
  options.hotkey_requests = {1e-9, 1e12};
  start();
  EXPECT_FALSE(quotas->charge_bytes(key(1), 1, ip(1), std::size_t{1} << 60, now));
  const auto over = quotas->charge_bytes(key(1), 1, ip(1), std::size_t{1} << 60, now);
  ASSERT_TRUE(over);
  EXPECT_GT(over->retry_after, 24h);
  EXPECT_FALSE(ask(key(1)));
}

// ---- open requests

TEST_F(QuotasTest, LimitOpenRequests) {
  options.concurrent = 2;
  start();
  {
    Quotas::Place first;
    Quotas::Place second;
    Quotas::Place third;
    EXPECT_FALSE(quotas->charge_hotkey(key(1), 1, first, now));
    EXPECT_FALSE(quotas->charge_hotkey(key(1), 1, second, now));
    const auto over = quotas->charge_hotkey(key(1), 1, third, now);
    ASSERT_TRUE(over);
    EXPECT_EQ(over->quota, "open requests of this hotkey");
    EXPECT_GT(over->retry_after, 0ms);
    EXPECT_EQ(quotas->look_at(key(1), 1, now)->quota, "open requests of this hotkey");
    EXPECT_FALSE(quotas->charge_hotkey(key(2), 1, third, now));
    {
      const auto gone = std::move(first);
    }
    EXPECT_FALSE(quotas->look_at(key(1), 1, now));
    EXPECT_FALSE(quotas->charge_hotkey(key(1), 1, first, now));
    EXPECT_TRUE(ask(key(1)));
  }
  Quotas::Place again;
  EXPECT_FALSE(quotas->charge_hotkey(key(1), 1, again, now));
  EXPECT_FALSE(quotas->charge_hotkey(key(1), 1, again, now)) << "in the place of the one it had";
}

TEST_F(QuotasTest, DoNotChargeWhatFindsNoPlace) {
  options.concurrent = 1;
  options.hotkey_requests = {1, 2};
  start();
  Quotas::Place place;
  EXPECT_FALSE(quotas->charge_hotkey(key(1), 1, place, now));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(ask(key(1)));
  place = {};
  EXPECT_FALSE(ask(key(1)));
}

TEST_F(QuotasTest, GiveNoPlaceToWhatIsOverItsRate) {
  options.concurrent = 1;
  options.hotkey_requests = {1, 1};
  start();
  EXPECT_FALSE(ask(key(1)));
  EXPECT_TRUE(ask(key(1)));
  now += 1s;
  EXPECT_FALSE(ask(key(1)));
}

TEST_F(QuotasTest, NeverForgetWhoHasOpenRequests) {
  options.concurrent = 1;
  options.entries = 4;
  start();
  std::vector<Quotas::Place> places(8);
  for (unsigned i = 0; i < 8; ++i) EXPECT_FALSE(quotas->charge_hotkey(key(i), 1, places[i], now));
  for (unsigned i = 100; i < 200; ++i) EXPECT_FALSE(ask(key(i)));
  EXPECT_LE(quotas->sizes().hotkeys, 9u);
  for (unsigned i = 0; i < 8; ++i) EXPECT_TRUE(ask(key(i))) << i;
  places.clear();
  for (unsigned i = 0; i < 8; ++i) EXPECT_FALSE(ask(key(i))) << i;
  for (unsigned i = 100; i < 200; ++i) EXPECT_FALSE(ask(key(i)));
  EXPECT_LE(quotas->sizes().hotkeys, 4u) << "what was too much has gone again";
}

// ---- room

TEST_F(QuotasTest, ForgetTheSettledFirstAndThenWhoWasNotSeenForLongest) {
  options.hotkey_requests = {1, 10};
  options.entries = 4;
  start();
  EXPECT_FALSE(ask(key(1)));
  EXPECT_FALSE(ask(key(1)));
  EXPECT_FALSE(ask(key(2)));
  EXPECT_FALSE(ask(key(3)));
  EXPECT_FALSE(ask(key(3)));
  EXPECT_FALSE(ask(key(4)));
  EXPECT_FALSE(ask(key(4)));
  now += 1s;  // key(2) is settled
  EXPECT_FALSE(ask(key(5)));
  EXPECT_EQ(quotas->sizes().forgotten, 0u);
  EXPECT_EQ(quotas->sizes().hotkeys, 4u);
  EXPECT_FALSE(ask(key(1)));  // seen again
  EXPECT_FALSE(ask(key(6)));  // in the place of key(3)
  EXPECT_EQ(quotas->sizes().forgotten, 1u);
  EXPECT_EQ(burst(key(1)), 8);
  EXPECT_EQ(burst(key(4)), 9);
  EXPECT_EQ(burst(key(3)), 10);
}

TEST_F(QuotasTest, ForgetNobodyWhoOwesAnythingBeforeTheSettled) {
  const auto nothing = options;
  const auto expect_it_where = [&](Rate QuotaOptions::* rate, const auto& owe_one) {
    options = nothing;
    options.*rate = {1, 10};
    options.entries = 2;
    start();
    const auto forgotten = [&] { return quotas->sizes().forgotten; };
    for (int i = 0; i < 2; ++i) owe_one(1);
    owe_one(2);
    now += 1s;   // 2 is settled, at this moment; 1 was not seen for longer, but owes one more
    owe_one(3);  // in the place of 2
    EXPECT_EQ(forgotten(), 0u);
    owe_one(4);  // in the place of 1
    EXPECT_EQ(forgotten(), 1u);
  };
  const auto charge_byte = [&](unsigned who) {
    EXPECT_FALSE(quotas->charge_bytes(key(who), 1, ip(who), 1, now));
  };
  expect_it_where(&QuotaOptions::hotkey_requests,
                  [&](unsigned who) { EXPECT_FALSE(ask(key(who))); });
  expect_it_where(&QuotaOptions::hotkey_bytes, charge_byte);
  expect_it_where(&QuotaOptions::ip_requests,
                  [&](unsigned who) { EXPECT_FALSE(quotas->charge_ip(ip(who), now)); });
  expect_it_where(&QuotaOptions::ip_bytes, charge_byte);
  expect_it_where(&QuotaOptions::failed,
                  [&](unsigned who) { quotas->count_failure(ip(who), now); });
}

TEST_F(QuotasTest, StayBoundedUnderAFlood) {
  options.ip_requests = {1, 5};
  options.entries = 1'000;
  start();
  for (unsigned i = 0; i < 50'000; ++i) {
    (void)quotas->charge_ip(ip(i), now);
    quotas->count_failure(ip(i), now);
  }
  EXPECT_LE(quotas->sizes().ips, 1'000u);
  EXPECT_GE(quotas->sizes().ips, 900u);
  EXPECT_EQ(quotas->sizes().forgotten, 49'000u);
}

TEST_F(QuotasTest, HaveRoomForAsManyAsTheySay) {
  options.hotkey_requests = {1, 1};
  options.entries = 65'536;
  start();
  for (unsigned i = 0; i < 40'000; ++i) EXPECT_FALSE(ask(key(i)));
  EXPECT_EQ(quotas->sizes().hotkeys, 40'000u);
  EXPECT_EQ(quotas->sizes().forgotten, 0u);
  for (unsigned i = 40'000; i < 120'000; ++i) EXPECT_FALSE(ask(key(i)));
  EXPECT_LE(quotas->sizes().hotkeys, 65'536u);
}

// ---- failures

TEST_F(QuotasTest, ShutOutAnIpv6NetworkAsOne) {
  options.failed = {1, 1};
  start();
  quotas->count_failure(*base::IpAddress::parse("2001:db8:0:1::1"), now);
  EXPECT_TRUE(quotas->shut_out(*base::IpAddress::parse("2001:db8:0:1:ffff::2"), now));
  EXPECT_FALSE(quotas->shut_out(*base::IpAddress::parse("2001:db8:0:2::1"), now));
}

TEST_F(QuotasTest, ShutOutAnIpThatFailsTooOften) {
  options.failed = {1, 3};
  start();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(quotas->shut_out(ip(1), now));
    quotas->count_failure(ip(1), now);
  }
  const auto over = quotas->shut_out(ip(1), now);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->quota, "failures of this address");
  EXPECT_EQ(over->retry_after, 1s);
  EXPECT_FALSE(quotas->shut_out(ip(2), now));
  now += 999ms;
  EXPECT_TRUE(quotas->shut_out(ip(1), now));
  now += 1ms;
  EXPECT_FALSE(quotas->shut_out(ip(1), now));
  quotas->count_failure(ip(1), now);
  EXPECT_TRUE(quotas->shut_out(ip(1), now));
}

TEST_F(QuotasTest, ShutNobodyOutForLong) {
  options.failed = {1, 3};
  start();
  for (int i = 0; i < 1'000; ++i) quotas->count_failure(ip(1), now);
  EXPECT_EQ(quotas->shut_out(ip(1), now)->retry_after, 10s);
  now += 10s;
  EXPECT_FALSE(quotas->shut_out(ip(1), now));
  options.failed = {0.01, 1};
  start();
  for (int i = 0; i < 1'000; ++i) quotas->count_failure(ip(1), now);
  EXPECT_EQ(quotas->shut_out(ip(1), now)->retry_after, 100s) << "what one failure costs";
}

TEST_F(QuotasTest, ShutOneOutAfterAnotherIsFree) {
  options.failed = {1, 1};
  start();
  quotas->count_failure(ip(1), now);
  now += 900ms;
  quotas->count_failure(ip(2), now);
  now += 200ms;
  EXPECT_FALSE(quotas->shut_out(ip(1), now));
  EXPECT_TRUE(quotas->shut_out(ip(2), now));
}

TEST_F(QuotasTest, CountNoFailuresIfToldNotTo) {
  options.failed = {0, 1};
  start();
  for (int i = 0; i < 1'000; ++i) quotas->count_failure(ip(1), now);
  EXPECT_FALSE(quotas->shut_out(ip(1), now));
  EXPECT_EQ(quotas->sizes().ips, 0u);
}

// ---- at run time

TEST_F(QuotasTest, TakeOtherLimitsAndKeepAccounts) {
  options.hotkey_requests = {1, 5};
  options.failed = {1, 1};
  start();
  EXPECT_EQ(burst(key(1)), 5);
  quotas->count_failure(ip(1), now);
  options.hotkey_requests = {2, 10};
  options.failed = {0, 1};
  options.concurrent = 1;
  quotas->apply(options);
  EXPECT_FALSE(quotas->shut_out(ip(1), now));
  EXPECT_EQ(burst(key(2)), 10);
  EXPECT_EQ(burst(key(1)), 0) << "five seconds are owed, which is what a burst is worth now";
  now += 1s;
  EXPECT_EQ(burst(key(1)), 2);
  Quotas::Place place;
  now += 1s;
  EXPECT_FALSE(quotas->charge_hotkey(key(1), 1, place, now));
  EXPECT_EQ(ask(key(1))->quota, "open requests of this hotkey");
  options.concurrent = 0;
  options.hotkey_requests = {};
  quotas->apply(options);
  EXPECT_FALSE(ask(key(1)));
}

TEST_F(QuotasTest, ForgetWhatHasNoRoomAnyMore) {
  options.hotkey_requests = {1, 5};
  options.entries = 100;
  start();
  for (unsigned i = 0; i < 100; ++i) EXPECT_FALSE(ask(key(i)));
  options.entries = 10;
  quotas->apply(options);
  EXPECT_FALSE(ask(key(1'000)));
  EXPECT_EQ(quotas->sizes().hotkeys, 10u);
  EXPECT_EQ(burst(key(99)), 4);
}

TEST_F(QuotasTest, AddUpFromManyThreads) {
  options.hotkey_requests = {1e-3, 1'000};
  options.hotkey_bytes = {1e-3, 100'000};
  options.ip_bytes = {1e-3, 100'000};
  options.concurrent = 3;
  options.entries = 16;
  start();
  std::atomic<int> passed = 0;
  std::atomic<int> bytes = 0;
  std::atomic<int> open = 0;
  std::atomic<int> most = 0;
  std::atomic<bool> ended = false;
  std::thread changes([&] {
    while (!ended) quotas->apply(options);
  });
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 2'000; ++i) {
        Quotas::Place place;
        if (!quotas->charge_hotkey(key(1), 1, place, now)) {
          ++passed;
          const int here = ++open;
          for (int seen = most; seen < here && !most.compare_exchange_weak(seen, here);) {
          }
          if (!quotas->charge_bytes(key(1), 1, ip(1), 100, now)) ++bytes;
          --open;
        }
        Quotas::Place others;
        (void)quotas->charge_hotkey(key(100 + i * 4 + t), 1, others, now);
        quotas->count_failure(ip(t), now);
        (void)quotas->shut_out(ip(t + 1), now);
        (void)quotas->look_at(key(1), 1, now);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ended = true;
  changes.join();
  EXPECT_LE(most, 3);
  EXPECT_EQ(open, 0);
  // Others come and go in the 16 places, so key(1) may have been forgotten between two requests.
  EXPECT_GE(passed, 1'000);
  EXPECT_GE(bytes, 1'000);
  EXPECT_LE(quotas->sizes().hotkeys, 16u);
}

}  // namespace
}  // namespace dojo::policy
