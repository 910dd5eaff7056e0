#include "policy/refusal_book.hpp"

#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;
using base::IpAddress;
using testing::IsEmpty;
using testing::SizeIs;

wire::PublicKey key(unsigned number) {
  wire::PublicKey made{};
  made[0] = static_cast<std::uint8_t>(number);
  made[1] = static_cast<std::uint8_t>(number >> 8);
  made[2] = static_cast<std::uint8_t>(number >> 16);
  return made;
}

class RefusalBookTest : public testing::Test {
 protected:
  void note(const wire::PublicKey& hotkey, Code code = Code::blacklisted,
            std::string_view rule = "r:1", bool known = true) {
    RefusalNote made;
    made.hotkey = &hotkey;
    made.known = known;
    made.code = code;
    made.rule = rule;
    made.reason = reason;
    made.route = "Echo";
    if (from) made.ip = &*from;
    book.note(made, now);
  }
  std::uint64_t count(const wire::PublicKey& hotkey, std::chrono::seconds last = 24h) {
    std::uint64_t total = 0;
    for (const auto& line : book.of(hotkey, last, now)) total += line.count;
    return total;
  }
  RefusalBook book{100};
  std::optional<base::IpAddress> from;
  std::string reason = "hotkey is denied";
  WallTime now{500'000h};
};

TEST_F(RefusalBookTest, IsEmptyAtFirst) {
  EXPECT_THAT(book.of(key(1), 24h, now), IsEmpty());
  EXPECT_THAT(book.of(*base::IpAddress::parse("10.0.0.1"), 24h, now), IsEmpty());
}

TEST_F(RefusalBookTest, TellsWhatWhenAndHowOften) {
  const auto begin = now;
  note(key(1));
  now += 5min;
  reason = "another word";
  note(key(1));
  note(key(1), Code::quota, "requests of this hotkey");
  const auto lines = book.of(key(1), 1h, now);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].code, Code::blacklisted);
  EXPECT_EQ(lines[0].rule, "r:1");
  EXPECT_EQ(lines[0].reason, "another word");
  EXPECT_EQ(lines[0].route, "Echo");
  EXPECT_EQ(lines[0].count, 2u);
  EXPECT_EQ(lines[0].first, begin);
  EXPECT_EQ(lines[0].last, now);
  EXPECT_EQ(lines[1].code, Code::quota);
  EXPECT_EQ(lines[1].count, 1u);
  EXPECT_EQ(lines[1].first, now);
}

TEST_F(RefusalBookTest, TellsRulesApart) {
  note(key(1), Code::blacklisted, "r:1");
  note(key(1), Code::blacklisted, "r:2");
  note(key(1), Code::blacklisted, "r:2");
  const auto lines = book.of(key(1), 1h, now);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].rule, "r:2") << "most often first";
}

TEST_F(RefusalBookTest, CountsInStepsThatCountWhole) {
  note(key(1));  // at a full hour
  now += 9min;
  note(key(1));
  now += 20min;  // :29
  note(key(1));
  EXPECT_EQ(count(key(1), 5min), 1u);
  EXPECT_EQ(count(key(1), 19min), 1u) << "from :10 on";
  EXPECT_EQ(count(key(1), 20min), 3u) << "from :09 on, so from :00 on";
  EXPECT_EQ(book.of(key(1), 5min, now)[0].first, now - 9min) << "the step's beginning";
}

TEST_F(RefusalBookTest, ForgetsAfterADay) {
  note(key(1));
  now += 24h;
  EXPECT_EQ(count(key(1)), 1u);
  EXPECT_EQ(count(key(1), 1'000h), 1u);
  now += 10min;
  EXPECT_EQ(count(key(1)), 0u);
  EXPECT_EQ(count(key(1), 1'000h), 0u);
  note(key(1));
  EXPECT_EQ(count(key(1)), 1u);
}

TEST_F(RefusalBookTest, RollsOverDays) {
  for (int i = 0; i < 6 * 24 * 3; ++i, now += 10min) note(key(1));
  now -= 10min;
  EXPECT_EQ(count(key(1)), 145u);
  EXPECT_EQ(count(key(1), 1h), 7u);
}

TEST_F(RefusalBookTest, StandsAClockThatIsSetBack) {
  note(key(1));
  now -= 30min;
  note(key(1));
  EXPECT_EQ(count(key(1), 1h), 2u);
  now += 1'000'000h;
  note(key(1));
  now -= 1'000'000h;
  note(key(1));
  EXPECT_EQ(count(key(1), 1h), 1u) << "what a wrong clock counted is nobody's truth";
}

TEST_F(RefusalBookTest, CountsAnIpToo) {
  from = base::IpAddress::parse("2001:db8::1");
  note(key(1));
  from = base::IpAddress::parse("2001:db8::2");
  note(key(2), Code::stale, "");
  const auto lines = book.of(*base::IpAddress::parse("2001:db8::3"), 1h, now);
  EXPECT_THAT(lines, SizeIs(2));
  EXPECT_THAT(book.of(*base::IpAddress::parse("10.0.0.1"), 1h, now), IsEmpty());
  RefusalNote nobody;
  nobody.ip = &*from;
  nobody.code = Code::no_signature;
  book.note(nobody, now);
  EXPECT_THAT(book.of(*from, 1h, now), SizeIs(3));
}

TEST_F(RefusalBookTest, KeepsKnownOnesThroughAFloodOfInventedOnes) {
  for (unsigned i = 0; i < 100; ++i) note(key(i));
  for (unsigned i = 1'000; i < 60'000; ++i) note(key(i), Code::bad_signature, "", false);
  for (unsigned i = 0; i < 100; ++i) EXPECT_EQ(count(key(i)), 1u) << i;
  unsigned kept = 0;
  for (unsigned i = 1'000; i < 60'000; ++i) kept += count(key(i)) != 0 ? 1u : 0u;
  EXPECT_EQ(kept, 100u);
  EXPECT_EQ(count(key(59'999)), 1u);
  EXPECT_EQ(count(key(59'900)), 1u);
  EXPECT_EQ(count(key(59'899)), 0u) << "the one refused longest ago goes";
}

TEST_F(RefusalBookTest, HandsNothingOnToWhoTakesAPlace) {
  RefusalBook small(1);
  RefusalNote made;
  const auto first = key(1);
  const auto second = key(2);
  made.hotkey = &first;
  made.code = Code::stale;
  for (int i = 0; i < 5; ++i) small.note(made, now);
  now += 65min;
  made.hotkey = &second;
  small.note(made, now);
  const auto lines = small.of(second, 24h, now);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].count, 1u);
  EXPECT_EQ(lines[0].first, now);
  EXPECT_THAT(small.of(first, 24h, now), IsEmpty());
}

TEST_F(RefusalBookTest, KeepsWhoWasRefusedAgain) {
  for (unsigned i = 0; i < 100; ++i) note(key(i));
  note(key(0));
  note(key(200));
  EXPECT_EQ(count(key(0)), 2u);
  EXPECT_EQ(count(key(1)), 0u);
}

TEST_F(RefusalBookTest, AddsUpWhatWasNotedBeforeAndAfterAHotkeyWasKnown) {
  note(key(1), Code::stale, "", false);
  now += 1min;
  reason = "later";
  note(key(1), Code::stale, "", true);
  const auto lines = book.of(key(1), 1h, now);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].count, 2u);
  EXPECT_EQ(lines[0].reason, "later");
  EXPECT_EQ(lines[0].first, now - 1min);
}

TEST_F(RefusalBookTest, BoundsTheKindsOfOneSubject) {
  for (int i = 0; i < 100; ++i) {
    note(key(1), Code::quota, "kept");
    note(key(1), Code::blacklisted, "r:" + std::to_string(i));
  }
  const auto lines = book.of(key(1), 1h, now);
  ASSERT_THAT(lines, SizeIs(16));
  EXPECT_EQ(lines[0].rule, "kept");
  EXPECT_EQ(lines[0].count, 100u);
  for (const auto& line : lines) EXPECT_NE(line.rule, "r:50");
}

TEST_F(RefusalBookTest, ForgetsTheKindThatWasLongestAgo) {
  const auto rule = [](int i) { return "r:" + std::to_string(i); };
  for (int i = 0; i < 16; ++i) note(key(1), Code::blacklisted, rule(i));
  note(key(1), Code::blacklisted, rule(0));
  note(key(1), Code::blacklisted, rule(16));
  std::vector<std::string> rules;
  for (const auto& line : book.of(key(1), 1h, now)) rules.push_back(line.rule);
  EXPECT_THAT(rules, SizeIs(16));
  EXPECT_THAT(rules, testing::Contains(rule(0)));
  EXPECT_THAT(rules, testing::Not(testing::Contains(rule(1))));
}

TEST_F(RefusalBookTest, CutsLongTextsBetweenCharacters) {
  reason = std::string(255, 'a') + "\u00e9" + std::string(100'000, 'b');
  note(key(1), Code::blacklisted, std::string(1'000, 'r'));
  note(key(1), Code::blacklisted, std::string(1'000, 'r'));
  const auto lines = book.of(key(1), 1h, now);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].reason, std::string(255, 'a'));
  EXPECT_EQ(lines[0].rule, std::string(128, 'r'));
  EXPECT_EQ(lines[0].count, 2u);
}

TEST_F(RefusalBookTest, TakesNotesFromManyThreads) {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const auto ip = *base::IpAddress::parse("10.0.0." + std::to_string(t));
      for (unsigned i = 0; i < 5'000; ++i) {
        const auto hotkey = key(i % 2 == 0 ? 7 : 1'000 + i);
        RefusalNote made;
        made.hotkey = &hotkey;
        made.ip = &ip;
        made.known = i % 2 == 0;
        book.note(made, now);
        if (i % 100 == 0) (void)book.of(key(7), 1h, now);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count(key(7)), 10'000u);
  EXPECT_EQ(book.of(*base::IpAddress::parse("10.0.0.3"), 1h, now)[0].count, 5'000u);
}

}  // namespace
}  // namespace dojo::policy
