#include "policy/rules/rules.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/kami.hpp"

namespace dojo::policy {
namespace {

using namespace std::chrono_literals;
using test::key_of;
using test::some_neurons;
using testing::ElementsAre;

constexpr WallTime kNow(std::chrono::milliseconds(1'700'000'000'000));

/// Uid 0 to 15, see some_neurons().
MetagraphView sixteen(bool fresh = true, Stale when_stale = Stale::closed) {
  static const auto kMetagraph = std::make_shared<const Metagraph>(52, 1, some_neurons(16));
  return {kMetagraph, fresh, true, when_stale};
}
MetagraphView never_had(Stale when_stale) {
  return {nullptr, false, true, when_stale};
}

base::Network network(const char* text) {
  return *base::Network::parse(text);
}
Visit visit_of(std::uint32_t hotkey, const char* ip = "192.0.2.7",
               std::string_view route = "Echo") {
  return {key_of(hotkey), *base::IpAddress::parse(ip), route};
}

Rule rule(std::string name, Action action = Action::deny) {
  return {.name = std::move(name), .action = action};
}

/// "allowed", or the rule that refuses; then what would.
std::string told(const Ruling& ruling) {
  auto text = ruling.allowed ? "allowed" : ruling.rule;
  if (!ruling.would_refuse.empty()) {
    text += fmt::format(", would: {}", fmt::join(ruling.would_refuse, " "));
  }
  return text;
}
std::string told(std::vector<Rule> rules, const Visit& visit, const MetagraphView& view = sixteen(),
                 WallTime now = kNow) {
  return told(RuleSet({.rules = std::move(rules)}).judge(visit, view, now));
}

TEST(Rules, WithoutAnyTheDefaultDecides) {
  const auto allowed = RuleSet({}).judge(visit_of(1), {}, kNow);
  EXPECT_TRUE(allowed.allowed);
  EXPECT_EQ(allowed.rule + allowed.reason, "");
  const auto refused = RuleSet({.otherwise = Action::deny}).judge(visit_of(1), {}, kNow);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.rule, "default");
  EXPECT_NE(refused.reason, "");
}

TEST(Rules, FirstThatMatchesDecides) {
  auto one = rule("one", Action::allow);
  one.hotkeys = {key_of(1)};
  auto two = rule("two");
  two.networks = {network("192.0.2.0/24")};
  auto three = rule("three");
  three.hotkeys = {key_of(1), key_of(3)};
  EXPECT_EQ(told({one, two, three}, visit_of(1)), "allowed");
  EXPECT_EQ(told({three, two, one}, visit_of(1)), "three");
  EXPECT_EQ(told({two, one, three}, visit_of(1)), "two");
  EXPECT_EQ(told({one, two, three}, visit_of(3)), "two");
  EXPECT_EQ(told({one, two, three}, visit_of(3, "198.51.100.1")), "three");
  EXPECT_EQ(told({one, two, three}, visit_of(2, "198.51.100.1")), "allowed");
}

TEST(Rules, MatchWhoMeetsEveryCriterion) {
  auto all = rule("all");
  all.hotkeys = {key_of(4), key_of(5)};
  all.coldkeys = {key_of(1'000'001)};
  all.uids = {4, 5};
  all.validator_permit = true;
  all.min_stake = 40;
  all.below_stake = 41;
  all.networks = {network("192.0.2.0/24"), network("2001:db8::/32")};
  all.routes = {"Score", "Echo"};
  EXPECT_EQ(told({all}, visit_of(4)), "all");
  EXPECT_EQ(told({all}, visit_of(4, "2001:db8::1", "Score")), "all");
  EXPECT_EQ(told({all}, visit_of(5)), "allowed");
  EXPECT_EQ(told({all}, visit_of(4, "198.51.100.1")), "allowed");
  EXPECT_EQ(told({all}, visit_of(4, "192.0.2.7", "Other")), "allowed");
  const auto without = [&](auto change) {
    auto changed = all;
    change(changed);
    return told({changed}, visit_of(4));
  };
  EXPECT_EQ(without([](Rule& r) { r.hotkeys = {key_of(5)}; }), "allowed");
  EXPECT_EQ(without([](Rule& r) { r.coldkeys = {key_of(1'000'002)}; }), "allowed");
  EXPECT_EQ(without([](Rule& r) { r.uids = {5}; }), "allowed");
  EXPECT_EQ(without([](Rule& r) { r.validator_permit = false; }), "allowed");
  EXPECT_EQ(without([](Rule& r) { r.min_stake = 40.5; }), "allowed");
  EXPECT_EQ(without([](Rule& r) { r.below_stake = 40; }), "allowed");
}

TEST(Rules, WhoIsNotRegisteredHasNoUidNoColdkeyNoPermitAndNoStake) {
  const auto stranger = visit_of(99);
  const auto with = [&](auto change) {
    auto one = rule("one");
    change(one);
    return told({one}, stranger);
  };
  EXPECT_EQ(with([](Rule& r) { r.uids = {0}; }), "allowed");
  EXPECT_EQ(with([](Rule& r) { r.coldkeys = {wire::PublicKey{}}; }), "allowed");
  EXPECT_EQ(with([](Rule& r) { r.hotkeys = {key_of(99)}, r.uids = {0}; }), "allowed");
  EXPECT_EQ(with([](Rule& r) { r.validator_permit = true; }), "allowed");
  EXPECT_EQ(with([](Rule& r) { r.validator_permit = false; }), "one");
  EXPECT_EQ(with([](Rule& r) { r.below_stake = 0.1; }), "one");
  EXPECT_EQ(with([](Rule& r) { r.below_stake = 0; }), "allowed");
  EXPECT_EQ(with([](Rule& r) { r.min_stake = 0.1; }), "allowed");
  EXPECT_EQ(with([](Rule& r) { r.min_stake = 0; }), "one");
}

TEST(Rules, FindAddressesByPrefixesOfAnyLength) {
  for (const auto& [block, ip, met] :
       {std::tuple{"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.8", false},
        {"192.0.2.7", "::ffff:192.0.2.7", true},
        {"192.0.0.0/13", "192.7.255.255", true},
        {"192.0.0.0/13", "192.8.0.0", false},
        {"0.0.0.0/0", "203.0.113.1", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.1", true},
        {"::/0", "2001:db8::1", true},
        {"::/64", "203.0.113.1", true},  // IPv4 addresses are ::ffff:a.b.c.d
        {"::/64", "::2", true},
        {"::/96", "203.0.113.1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"2001:db8::1", "2001:db8::1", true}}) {
    auto one = rule("one");
    one.networks = {network("198.51.100.0/24"), network(block)};
    EXPECT_EQ(told({one}, visit_of(1, ip)), met ? "one" : "allowed") << block << " " << ip;
  }
}

TEST(Rules, OfARouteAreOfNoOther) {
  auto score = rule("score");
  score.routes = {"Score"};
  EXPECT_EQ(told({score}, visit_of(1, "::1", "Score")), "score");
  EXPECT_EQ(told({score}, visit_of(1, "::1", "Scores")), "allowed");
  EXPECT_EQ(told({score}, visit_of(1, "::1", "")), "allowed");
}

TEST(Rules, MatchNobodyOnceTheirTimeIsOver) {
  auto one = rule("one");
  one.until = kNow;
  EXPECT_EQ(told({one}, visit_of(1), {}, kNow - 1ms), "one");
  EXPECT_EQ(told({one}, visit_of(1), {}, kNow), "allowed");
  // The one behind it is not hidden by it.
  EXPECT_EQ(told({one, rule("two")}, visit_of(1), {}, kNow), "two");
}

TEST(Rules, TellTheCallerWhyInFewWords) {
  const auto reason = [](auto change) {
    auto one = rule("one");
    one.note = "a secret of the operator's";
    change(one);
    return RuleSet({.rules = {one}}).judge(visit_of(1), sixteen(), kNow).reason;
  };
  EXPECT_EQ(reason([](Rule& r) { r.hotkeys = {key_of(1)}; }), "hotkey is denied");
  EXPECT_EQ(reason([](Rule& r) { r.coldkeys = {key_of(1'000'000)}; }), "coldkey is denied");
  EXPECT_EQ(reason([](Rule& r) { r.uids = {1}; }), "uid is denied");
  EXPECT_EQ(reason([](Rule& r) { r.networks = {network("192.0.2.7")}; }), "address is denied");
  EXPECT_EQ(reason([](Rule& r) { r.validator_permit = false; }), "no validator permit");
  EXPECT_EQ(reason([](Rule& r) { r.below_stake = 11; }), "too little stake");
  EXPECT_EQ(reason([](Rule& r) { r.min_stake = 1; }), "too much stake");
  EXPECT_EQ(reason([](Rule& r) { r.routes = {"Echo"}; }), "route is denied");
  EXPECT_EQ(reason([](Rule&) {}), "everybody is denied");
  EXPECT_EQ(reason([](Rule& r) { r.hotkeys = {key_of(1)}, r.below_stake = 11; }),
            "too little stake");
}

// ---- without a metagraph, or with one that is too old

TEST(Metagraphless, RefusesAtARuleThatWouldHaveToAsk) {
  auto permit = rule("permit");
  permit.validator_permit = false;
  auto friends = rule("friends", Action::allow);
  friends.hotkeys = {key_of(1)};
  for (const auto& view : {never_had(Stale::closed), sixteen(false)}) {
    EXPECT_EQ(told({friends, permit}, visit_of(1), view), "allowed");
    EXPECT_EQ(told({friends, permit}, visit_of(4), view), "metagraph");
  }
  EXPECT_EQ(RuleSet({.rules = {permit}}).judge(visit_of(4), never_had(Stale::closed), kNow).reason,
            "the metagraph is not known here yet");
  EXPECT_EQ(RuleSet({.rules = {permit}}).judge(visit_of(4), sixteen(false), kNow).reason,
            "the metagraph here is too old");
}

TEST(Metagraphless, IsNothingToRulesWhoseTurnItIsNot) {
  auto uid = rule("uid", Action::allow);
  uid.uids = {1};
  uid.networks = {network("10.0.0.0/8")};
  auto over = rule("over");
  over.coldkeys = {key_of(9)};
  over.until = kNow;
  EXPECT_EQ(told({uid, over}, visit_of(1), sixteen(false)), "allowed");
  EXPECT_EQ(told({uid}, visit_of(1, "10.1.1.1"), sixteen(false)), "metagraph");
  auto hotkey = rule("hotkey");
  hotkey.hotkeys = {key_of(1)};
  EXPECT_EQ(told({hotkey, uid}, visit_of(1, "10.1.1.1"), sixteen(false)), "hotkey");
}

TEST(Metagraphless, DecidesInTheCallersFavourIfItIsOpen) {
  auto permit = rule("permit");
  permit.validator_permit = false;
  auto rich = rule("rich", Action::allow);
  rich.min_stake = 1'000;
  const auto view = never_had(Stale::open);
  EXPECT_EQ(told({permit}, visit_of(99), view), "allowed");
  EXPECT_EQ(told({rich, rule("rest")}, visit_of(99), view), "allowed");
  EXPECT_EQ(told({permit, rule("rest")}, visit_of(99), view), "rest");
}

TEST(Metagraphless, GoesByAnOldOneIfItIsOpen) {
  auto permit = rule("permit");
  permit.validator_permit = false;
  const auto view = sixteen(false, Stale::open);
  EXPECT_EQ(told({permit}, visit_of(4), view), "allowed");
  EXPECT_EQ(told({permit}, visit_of(5), view), "permit");
}

// ---- dry runs

TEST(DryRun, OfARuleIsListedAndDecidesNothing) {
  auto dry = rule("dry");
  dry.networks = {network("192.0.2.0/24"), network("192.0.0.0/16")};
  dry.dry_run = true;
  const auto ruling = RuleSet({.rules = {dry}}).judge(visit_of(1), {}, kNow);
  EXPECT_TRUE(ruling.allowed);
  EXPECT_EQ(ruling.rule, "");
  EXPECT_THAT(ruling.would_refuse, ElementsAre("dry"));
  EXPECT_EQ(told({dry, rule("live")}, visit_of(1)), "live, would: dry");
  EXPECT_EQ(told({dry}, visit_of(1, "::1")), "allowed");
}

TEST(DryRun, OfARuleBehindTheOneThatDecidesIsNotListed) {
  auto dry = rule("dry");
  dry.dry_run = true;
  auto friends = rule("friends", Action::allow);
  friends.hotkeys = {key_of(1)};
  EXPECT_EQ(told({friends, dry}, visit_of(1)), "allowed");
  EXPECT_EQ(told({friends, dry}, visit_of(2)), "allowed, would: dry");
}

TEST(DryRun, OfARuleThatAllowsIsCountedAlone) {
  auto dry = rule("dry", Action::allow);
  dry.dry_run = true;
  const RuleSet rules({.rules = {dry, rule("rest")}});
  EXPECT_EQ(told(rules.judge(visit_of(1), {}, kNow)), "rest");
  EXPECT_EQ(rules.count(0).matched, 1u);
}

TEST(DryRun, OfARuleThatCannotAskIsListedWhereItWouldStopTheCaller) {
  auto dry = rule("dry");
  dry.below_stake = 10;
  dry.dry_run = true;
  EXPECT_EQ(told({dry}, visit_of(9), never_had(Stale::closed)), "allowed, would: dry");
  EXPECT_EQ(told({dry}, visit_of(9), never_had(Stale::open)), "allowed");
}

TEST(DryRun, OfAllCountsDenialsAndAllowsThem) {
  auto hotkey = rule("hotkey");
  hotkey.hotkeys = {key_of(1)};
  auto dry = rule("dry");
  dry.dry_run = true;
  auto permit = rule("permit");
  permit.validator_permit = false;
  const RuleSet rules({.rules = {dry, hotkey, permit}, .otherwise = Action::deny, .dry_run = true});
  const auto ruling = rules.judge(visit_of(1), sixteen(), kNow);
  EXPECT_TRUE(ruling.allowed);
  EXPECT_EQ(ruling.rule + ruling.reason, "");
  EXPECT_THAT(ruling.would_refuse, ElementsAre("dry", "hotkey"));
  EXPECT_EQ(told(rules.judge(visit_of(4), sixteen(), kNow)), "allowed, would: dry default");
  EXPECT_EQ(told(rules.judge(visit_of(4), never_had(Stale::closed), kNow)),
            "allowed, would: dry metagraph");
  EXPECT_EQ(rules.count(1).matched, 1u);
}

TEST(DryRun, NamesNoMoreThanItMay) {
  std::vector<Rule> rules(100, rule("dry"));
  for (auto& each : rules) each.dry_run = true;
  rules.push_back(rule("last"));
  const RuleSet set({.rules = rules, .dry_run = true});
  const auto ruling = set.judge(visit_of(1), {}, kNow);
  EXPECT_EQ(ruling.would_refuse.size(), RuleSet::kMostNamed);
  EXPECT_EQ(ruling.would_refuse.back(), "last");
  EXPECT_EQ(set.count(99).matched, 1u);
}

// ---- counts

TEST(RuleCounts, CountDecisionsOfEitherKind) {
  auto friends = rule("friends", Action::allow);
  friends.hotkeys = {key_of(1)};
  const RuleSet rules({.rules = {friends, rule("rest")}});
  for (int i = 0; i < 3; ++i) (void)rules.judge(visit_of(1), {}, kNow);
  (void)rules.judge(visit_of(2), {}, kNow);
  EXPECT_EQ(rules.count(0).matched, 3u);
  EXPECT_EQ(rules.count(1).matched, 1u);
}

TEST(RuleCounts, GoOnInTheNextSetWhereARuleIsTheSame) {
  auto one = rule("line:1");
  one.hotkeys = {key_of(1)};
  auto two = rule("line:1");
  two.hotkeys = {key_of(2)};
  auto three = rule("line:3");
  three.hotkeys = {key_of(3)};
  const RuleSet before({.rules = {one, two, three}});
  (void)before.judge(visit_of(2), {}, kNow);
  (void)before.judge(visit_of(3), {}, kNow);
  three.note = "changed";
  const RuleSet after({.rules = {rule("new"), one, two, three}}, &before);
  EXPECT_EQ(after.count(0).matched, 0u);
  EXPECT_EQ(after.count(2).matched, 1u);
  EXPECT_EQ(after.count(3).matched, 0u);
  (void)before.judge(visit_of(2), {}, kNow);  // by one who still holds the old set
  EXPECT_EQ(after.count(2).matched, 2u);
}

TEST(RuleCounts, LoseNothingBetweenThreads) {
  const RuleSet rules({.rules = {rule("all")}});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5'000; ++n) (void)rules.judge(visit_of(1), sixteen(), kNow);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(rules.count(0).matched, 20'000u);
}

// ---- any rules, any visits: what the index finds is what going through all of them finds

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  std::uint32_t below(std::uint32_t most) { return static_cast<std::uint32_t>(engine_() % most); }
  bool one_in(std::uint32_t chances) { return below(chances) == 0; }
  template <class Make>
  auto list(Make make) {
    std::vector<decltype(make())> made(1 + below(3));
    for (auto& each : made) each = make();
    return made;
  }

  base::IpAddress ip() {
    static constexpr std::array kSome{"10.0.0.1",     "10.0.0.2", "10.0.1.1",    "10.128.0.1",
                                      "192.0.2.7",    "0.0.0.1",  "2001:db8::1", "2001:db8::2",
                                      "2001:db8:1::", "::1",      "::fffe:0:1",  "fe80::1"};
    return *base::IpAddress::parse(kSome.at(below(kSome.size())));
  }
  base::Network block() {
    const auto base = ip();
    const auto longest = base.is_v4() ? 32u : 128u;
    const auto prefix = one_in(3) ? longest : below(longest + 1);
    return *base::Network::parse(fmt::format("{}/{}", base.text(), prefix));
  }
  std::string route() { return std::string(1, static_cast<char>('A' + below(3))); }

  Rule rule(std::size_t number) {
    Rule rule{.name = fmt::format("r{}", number)};
    rule.action = one_in(2) ? Action::allow : Action::deny;
    if (one_in(3)) rule.hotkeys = list([&] { return key_of(below(20)); });
    if (one_in(5)) rule.coldkeys = list([&] { return key_of(1'000'000 + below(6)); });
    if (one_in(5)) rule.uids = list([&] { return static_cast<std::uint16_t>(below(20)); });
    if (one_in(8)) rule.validator_permit = one_in(2);
    if (one_in(8)) rule.min_stake = below(160);
    if (one_in(8)) rule.below_stake = below(160);
    if (one_in(3)) rule.networks = list([&] { return block(); });
    if (one_in(4)) rule.routes = list([&] { return route(); });
    if (one_in(6)) rule.until = kNow + std::chrono::milliseconds(static_cast<int>(below(5)) - 2);
    rule.dry_run = one_in(6);
    return rule;
  }
  RuleOptions options() {
    RuleOptions options;
    const auto count = below(12);
    for (std::size_t i = 0; i < count; ++i) options.rules.push_back(rule(i));
    options.otherwise = one_in(2) ? Action::allow : Action::deny;
    options.dry_run = one_in(8);
    return options;
  }
  MetagraphView view() {
    const auto stale = one_in(2) ? Stale::open : Stale::closed;
    if (one_in(6)) return never_had(stale);
    return sixteen(!one_in(5), stale);
  }

 private:
  std::mt19937 engine_;
};

template <class T>
bool holds(const std::vector<T>& list, const T& value) {
  return list.empty() || std::ranges::find(list, value) != list.end();
}

/// As the header has it, rule by rule.
struct Naive {
  const RuleOptions& options;
  std::vector<std::uint64_t> counts = std::vector<std::uint64_t>(options.rules.size());

  static bool turn(const Rule& rule, const Visit& visit, WallTime now) {
    const bool network = std::ranges::any_of(
        rule.networks, [&](const auto& each) { return each.contains(visit.ip); });
    return (!rule.until || now < *rule.until) && holds(rule.hotkeys, visit.hotkey) &&
           (rule.networks.empty() || network) && holds(rule.routes, std::string(visit.route));
  }
  static bool standing(const Rule& rule, const Neuron* neuron) {
    if (!rule.coldkeys.empty() && (neuron == nullptr || !holds(rule.coldkeys, neuron->coldkey)))
      return false;
    if (!rule.uids.empty() && (neuron == nullptr || !holds(rule.uids, neuron->uid))) return false;
    const bool permit = neuron != nullptr && neuron->validator_permit;
    const double stake = neuron == nullptr ? 0 : neuron->stake;
    return rule.validator_permit.value_or(permit) == permit &&
           stake >= rule.min_stake.value_or(0) && (!rule.below_stake || stake < *rule.below_stake);
  }
  static Ruling refusal(const std::string& rule, std::vector<std::string> would) {
    return {.allowed = false, .rule = rule, .would_refuse = std::move(would)};
  }

  Ruling decide(const Visit& visit, const MetagraphView& view, WallTime now) {
    std::vector<std::string> would;
    for (std::size_t i = 0; i < options.rules.size(); ++i) {
      const auto& rule = options.rules[i];
      if (!turn(rule, visit, now)) continue;
      if (rule.needs_metagraph() && !view.usable()) {
        if (view.when_stale == Stale::closed) {
          if (!rule.dry_run) return refusal("metagraph", would);
          would.push_back(rule.name);
          continue;
        }
        if (rule.action == Action::deny) continue;
      } else if (rule.needs_metagraph() && !standing(rule, view.metagraph->find(visit.hotkey))) {
        continue;
      }
      ++counts[i];
      if (rule.dry_run && rule.action == Action::deny) would.push_back(rule.name);
      if (rule.dry_run) continue;
      if (rule.action == Action::deny) return refusal(rule.name, would);
      return {.would_refuse = would};
    }
    if (options.otherwise == Action::deny) return refusal("default", would);
    return {.would_refuse = would};
  }
  Ruling judge(const Visit& visit, const MetagraphView& view, WallTime now) {
    auto ruling = decide(visit, view, now);
    if (ruling.allowed || !options.dry_run) return ruling;
    ruling.would_refuse.push_back(ruling.rule);
    return {.would_refuse = ruling.would_refuse};
  }
};

TEST(AnyRules, AreJudgedAsIfEachWereAskedInTurn) {
  for (unsigned seed = 0; seed < 3'000; ++seed) {
    Dice dice(seed);
    const auto options = dice.options();
    const RuleSet rules(options);
    Naive naive{options};
    for (int i = 0; i < 40; ++i) {
      const auto route = dice.one_in(5) ? std::string() : dice.route();
      const Visit visit{key_of(dice.below(22)), dice.ip(), route};
      const auto view = dice.view();
      const auto found = rules.judge(visit, view, kNow);
      const auto wanted = naive.judge(visit, view, kNow);
      ASSERT_EQ(told(found), told(wanted)) << "seed " << seed << ", visit " << i;
      ASSERT_EQ(found.allowed, wanted.allowed);
      ASSERT_EQ(found.reason.empty(), found.allowed);
      ASSERT_EQ(found.rule, wanted.rule);
    }
    for (std::size_t i = 0; i < options.rules.size(); ++i) {
      ASSERT_EQ(rules.count(i).matched, naive.counts[i]) << "seed " << seed << ", rule " << i;
    }
  }
}

}  // namespace
}  // namespace dojo::policy
