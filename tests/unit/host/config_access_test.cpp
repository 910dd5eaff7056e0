#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/keypair.hpp>

#include "config/access.hpp"
#include "config/callers.hpp"
#include "config/config.hpp"

namespace dojo::host {
namespace {

using policy::Action;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const wire::Keypair& caller() {
  static const auto kCaller = wire::Keypair::generate();
  return kCaller;
}
const std::string kMetagraph = "[metagraph]\nurl = \"http://127.0.0.1:3000\"\nnetuid = 52\n";

/// @param text where @ stands for a hotkey's address
Result<Config> parse(std::string text) {
  for (auto at = text.find('@'); at != std::string::npos; at = text.find('@')) {
    text.replace(at, 1, caller().address());
  }
  return parse_config(text, "/etc/dojo.toml", "/folder");
}
Config good(const std::string& text) {
  auto config = parse(text);
  if (!config) throw std::runtime_error(config.error().message);
  return std::move(*config);
}
std::string wrong(const std::string& text) {
  const auto config = parse(text);
  return config ? "" : config.error().message;
}
base::Network network(const char* text) {
  return *base::Network::parse(text);
}

TEST(AccessConfig, AllowsEverybodyIfItSaysNothing) {
  for (const char* text :
       {"", "[access]", "[access]\ndeny = []\nvalidators_only = false\nmin_stake = 0"}) {
    const auto config = good(text);
    EXPECT_TRUE(config.access.rules.empty());
    EXPECT_EQ(config.access.otherwise, Action::allow);
    EXPECT_FALSE(config.access.dry_run);
    EXPECT_FALSE(config.metagraph.wanted());
  }
}

TEST(AccessConfig, LetsNobodyInFromOtherMachinesUnlessItSaysWhom) {
  const auto decides = [](const std::string& text, const char* address) {
    return rules_for(good(text), address).otherwise;
  };
  for (const char* address : {"0.0.0.0", "::", "[::]", "192.0.2.1", "2001:db8::1", "10.0.0.1"}) {
    EXPECT_EQ(decides("", address), Action::deny) << address;
    EXPECT_EQ(decides("[access]\ndry_run = false\n[quota]\n", address), Action::deny);
    EXPECT_EQ(decides("[access]\ndefault = \"allow\"", address), Action::allow);
    EXPECT_EQ(decides("[access]\ndeny = [\"::1\"]", address), Action::allow);
    EXPECT_EQ(decides(kMetagraph, address), Action::allow);
  }
  for (const char* address : {"127.0.0.1", "127.9.0.1", "::1", "[::1]", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(decides("", address), Action::allow) << address;
    EXPECT_EQ(decides("[access]\ndefault = \"deny\"", address), Action::deny);
  }
}

TEST(AccessConfig, SaysWhoMayCall) {
  const auto who = [](const std::string& text, const char* address = "127.0.0.1") {
    return who_may_call(good(text), address);
  };
  EXPECT_EQ(who(""), "everybody may call");
  EXPECT_EQ(who("[access]\ndefault = \"allow\"", "::"), "everybody may call");
  EXPECT_EQ(who("[access]\ndeny = [\"::1\", \"::2\"]"),
            "2 rules decide first; all others may call");
  EXPECT_EQ(who("[access]\nallow = [\"::1\"]\ndefault = \"deny\"\ndry_run = true"),
            "1 rule decides first; all others may not call; access.dry_run refuses nobody");
  EXPECT_EQ(who("[access]\ndefault = \"deny\"", "::"),
            "nobody may call but whom `dojo-host ctl allow` lets in");
  EXPECT_THAT(who("", "::"),
              HasSubstr("lets in: other machines reach ::, and nothing says who may. "
                        "Set access.validators_only with [metagraph]"));
}

TEST(AccessConfig, MakesARuleOfEachWhoIsDeniedOrAllowedNamedByTheLine) {
  const auto config = good(kMetagraph +
                           "[access]\n"
                           "deny = [\n"
                           "  \"@\",\n"
                           "  \"10.0.0.0/8\", \"uid:7\",\n"
                           "]\n"
                           "allow = [\"coldkey:@\"]\n");
  EXPECT_THAT(config.access.rules,
              ElementsAre(policy::Rule{.name = "dojo.toml:9",
                                       .action = Action::allow,
                                       .coldkeys = {caller().public_key()}},
                          policy::Rule{.name = "dojo.toml:6", .hotkeys = {caller().public_key()}},
                          policy::Rule{.name = "dojo.toml:7", .networks = {network("10.0.0.0/8")}},
                          policy::Rule{.name = "dojo.toml:7", .uids = {7}}));
}

TEST(AccessConfig, TakesEveryCriterionOfARule) {
  const auto config = good(kMetagraph + R"([[access.rules]]
action = "allow"
hotkey = "@"
coldkey = ["@", "@"]
uid = 3
ip = ["10.0.0.0/8", "::1"]
route = "Echo"
validator_permit = false
min_stake = 1000
below_stake = 2000.5
dry_run = true
note = "why"
[[access.rules]]
action = "deny"
uid = [0, 65535]
)");
  const auto key = caller().public_key();
  EXPECT_THAT(config.access.rules,
              ElementsAre(policy::Rule{.name = "dojo.toml:4",
                                       .action = Action::allow,
                                       .hotkeys = {key},
                                       .coldkeys = {key, key},
                                       .uids = {3},
                                       .validator_permit = false,
                                       .min_stake = 1000,
                                       .below_stake = 2000.5,
                                       .networks = {network("10.0.0.0/8"), network("::1")},
                                       .routes = {"Echo"},
                                       .dry_run = true,
                                       .note = "why"},
                          policy::Rule{.name = "dojo.toml:16", .uids = {0, 65535}}));
}

TEST(AccessConfig, AsksTheShortFormsInTheirOrder) {
  const auto config = good(kMetagraph + R"([access]
min_stake = 10
validators_only = true
default = "deny"
dry_run = true
deny = ["::1"]
allow = ["::2"]
[[access.rules]]
action = "allow"
ip = "::3"
)");
  EXPECT_EQ(config.access.otherwise, Action::deny);
  EXPECT_TRUE(config.access.dry_run);
  EXPECT_THAT(
      config.access.rules,
      ElementsAre(
          policy::Rule{
              .name = "dojo.toml:10", .action = Action::allow, .networks = {network("::2")}},
          policy::Rule{.name = "dojo.toml:9", .networks = {network("::1")}},
          policy::Rule{
              .name = "dojo.toml:11", .action = Action::allow, .networks = {network("::3")}},
          policy::Rule{.name = "dojo.toml:6", .validator_permit = false},
          policy::Rule{.name = "dojo.toml:5", .below_stake = 10}));
}

TEST(AccessConfig, SaysWhatIsWrongWithWhomARuleIsAbout) {
  EXPECT_THAT(wrong("[access]\ndeny = [\"::1\",\n\"5Bad\"]"),
              StartsWith("/etc/dojo.toml:3: access.deny[1]: \"5Bad\" is no hotkey ("));
  EXPECT_EQ(wrong("[access]\nallow = [5]"), "/etc/dojo.toml:2: access.allow[0] must be a string");
  EXPECT_EQ(wrong("[access]\nallow = \"::1\""),
            "/etc/dojo.toml:2: access.allow must be a list of strings");
  const auto rule = [](const std::string& line) {
    return wrong(kMetagraph + "[[access.rules]]\naction = \"deny\"\n" + line);
  };
  EXPECT_THAT(rule("hotkey = \"::1\""),
              StartsWith("/etc/dojo.toml:6: access.rules[0].hotkey: no SS58 address: "));
  EXPECT_THAT(rule("coldkey = [\"@\", \"x\"]"),
              StartsWith("/etc/dojo.toml:6: access.rules[0].coldkey[1]: no SS58 address: "));
  EXPECT_THAT(rule("ip = \"10.1.1.1/8\""), HasSubstr("the block is 10.0.0.0/8"));
  EXPECT_THAT(rule("route = \"/Echo\""),
              HasSubstr("access.rules[0].route: no route: a model's name, without the slash"));
  EXPECT_EQ(rule("hotkey = 5"),
            "/etc/dojo.toml:6: access.rules[0].hotkey must be a string or a list of strings");
  EXPECT_EQ(
      rule("ip = [\"::1\", 5]"),
      "/etc/dojo.toml:6: access.rules[0].ip[1]: access.rules[0].ip must be a string or a list "
      "of strings");
  for (const char* uid : {"-1", "65536", "\"1\"", "1.0", "[1, 65536]", "[[1]]"}) {
    EXPECT_THAT(
        rule(fmt::format("uid = {}", uid)),
        HasSubstr("access.rules[0].uid must be an integer from 0 to 65535, or a list of them"))
        << uid;
  }
  for (const char* stake : {"-1", "nan", "inf", "\"1\"", "true"}) {
    EXPECT_EQ(rule(fmt::format("min_stake = {}", stake)),
              "/etc/dojo.toml:6: access.rules[0].min_stake must be a number of 0 or more")
        << stake;
  }
  EXPECT_EQ(rule("validator_permit = 1"),
            "/etc/dojo.toml:6: access.rules[0].validator_permit must be true or false");
  EXPECT_THAT(
      rule("hotkeys = \"@\"\nip = \"::1\""),
      HasSubstr("there is no key access.rules[0].hotkeys; keys here are: action, below_stake"));
}

TEST(AccessConfig, RefusesARuleThatIsHalfSaid) {
  // An empty list must not be about everybody.
  for (const char* list : {"hotkey", "coldkey", "uid", "ip", "route"}) {
    EXPECT_EQ(wrong(kMetagraph + "[[access.rules]]\naction = \"deny\"\n" + list + " = []"),
              fmt::format("/etc/dojo.toml:6: access.rules[0].{} must not be empty", list));
  }
  EXPECT_EQ(wrong("[[access.rules]]\naction = \"deny\""),
            "/etc/dojo.toml:2: access.rules[0].action is about everybody: that is access.default's "
            "to say");
  EXPECT_EQ(wrong("[[access.rules]]\nip = \"::1\""),
            "/etc/dojo.toml:1: access.rules[0].action is missing: \"allow\" or \"deny\"");
  EXPECT_EQ(wrong("[[access.rules]]\naction = \"refuse\"\nip = \"::1\""),
            "/etc/dojo.toml:2: access.rules[0].action: must be \"allow\" or \"deny\"");
  EXPECT_EQ(
      wrong(kMetagraph + "[[access.rules]]\naction = \"deny\"\nmin_stake = 5\nbelow_stake = 5"),
      "/etc/dojo.toml:7: access.rules[0].below_stake must be above min_stake, or nobody meets "
      "both");
  EXPECT_EQ(wrong("[access]\nrules = 5"),
            "/etc/dojo.toml:2: access.rules must be tables: [[access.rules]]");
  EXPECT_EQ(wrong("[access.rules]\naction = \"deny\""),
            "/etc/dojo.toml:1: access.rules must be tables: [[access.rules]]");
  EXPECT_EQ(wrong("[access]\ndefault = \"drop\""),
            "/etc/dojo.toml:2: access.default: must be \"allow\" or \"deny\"");
}

TEST(AccessConfig, NeedsAMetagraphForRulesThatAskIt) {
  const auto needed = [](const std::string& text, int line, const char* key) {
    EXPECT_EQ(wrong(text),
              fmt::format("/etc/dojo.toml:{}: {} asks the metagraph, and there is none: add "
                          "[metagraph] with url (or file) and netuid",
                          line, key));
  };
  needed("[access]\nvalidators_only = true", 2, "access.validators_only");
  needed("[access]\nmin_stake = 0.5", 2, "access.min_stake");
  needed("[access]\ndeny = [\"uid:5\"]", 2, "access.deny[0]:");
  needed("[access]\nallow = [\"::1\",\n\"coldkey:@\"]", 3, "access.allow[1]:");
  for (const char* line : {"coldkey = \"@\"", "uid = 1", "validator_permit = true", "min_stake = 0",
                           "below_stake = 1"}) {
    const auto key = std::string(line).substr(0, std::string(line).find(' '));
    needed(fmt::format("[[access.rules]]\naction = \"deny\"\n{}", line), 3,
           ("access.rules[0]." + key).c_str());
  }
  EXPECT_EQ(wrong("[[access.rules]]\naction = \"deny\"\nhotkey = \"@\""), "");
  // One that is badly said is one mistake, not two.
  EXPECT_EQ(wrong("[access]\nvalidators_only = true\n[metagraph]\nurl = \"x\"\nnetuid = 1"),
            "/etc/dojo.toml:4: metagraph.url: must be http:// or https:// and a host, such as "
            "http://127.0.0.1:3000");
}

TEST(MetagraphConfig, TakesEveryKey) {
  const auto config = good(R"([metagraph]
url = "https://kami.example/base"
netuid = 65535
refresh_s = 1
timeout_s = 2
max_age_s = 3
when_stale = "open"
)");
  EXPECT_EQ(config.metagraph.url, "https://kami.example/base");
  EXPECT_EQ(config.metagraph.netuid, 65535);
  EXPECT_EQ(config.metagraph.refresh, std::chrono::seconds(1));
  EXPECT_EQ(config.metagraph.timeout, std::chrono::seconds(2));
  EXPECT_EQ(config.metagraph.max_age, std::chrono::seconds(3));
  EXPECT_EQ(config.metagraph.when_stale, policy::Stale::open);
  EXPECT_TRUE(config.metagraph.wanted());
  const auto file = good("[metagraph]\nfile = \"m.json\"\nnetuid = 0\nwhen_stale = \"closed\"");
  EXPECT_EQ(file.metagraph.file, "/folder/m.json");
  EXPECT_EQ(file.metagraph.when_stale, policy::Stale::closed);
  EXPECT_TRUE(file.metagraph.wanted());
}

TEST(MetagraphConfig, SaysWhatIsWrongWithIt) {
  const auto metagraph = [](const std::string& text) { return wrong("[metagraph]\n" + text); };
  EXPECT_EQ(metagraph("url = \"http://host\""),
            "/etc/dojo.toml:1: metagraph.netuid is missing: the subnet's number");
  EXPECT_EQ(
      metagraph("netuid = 5"),
      "/etc/dojo.toml:1: metagraph.url is missing (or file): where the metagraph is to be had");
  EXPECT_EQ(metagraph("netuid = 5\nurl = \"http://host\"\nfile = \"m\""),
            "/etc/dojo.toml:4: metagraph.file stands beside metagraph.url: leave one of them out");
  EXPECT_EQ(metagraph("netuid = 65536\nfile = \"m\""),
            "/etc/dojo.toml:2: metagraph.netuid must be an integer from 0 to 65535");
  EXPECT_EQ(metagraph("max_age_s = 120"),
            "/etc/dojo.toml:2: metagraph.max_age_s must be more than metagraph.refresh_s, or it is "
            "always too old");
  EXPECT_EQ(metagraph("when_stale = \"ajar\""),
            "/etc/dojo.toml:2: metagraph.when_stale: must be \"closed\" or \"open\"");
  EXPECT_THAT(metagraph("netuid = 5\nurl = \"http://host/#part\""),
              HasSubstr("metagraph.url: must end with its path"));
  EXPECT_THAT(metagraph("refresh_s = 0"),
              HasSubstr("metagraph.refresh_s must be an integer from 1"));
  EXPECT_THAT(metagraph("timeout_s = 3601"), HasSubstr("metagraph.timeout_s must be an integer"));
}

}  // namespace
}  // namespace dojo::host
