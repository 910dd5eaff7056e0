#include "policy/rules/subject.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/kami.hpp"

namespace dojo::policy {
namespace {

using std::chrono::seconds;
using test::key_of;
using testing::ElementsAre;
using testing::HasSubstr;

std::string wrong(std::string_view text) {
  const auto rule = parse_subject(text);
  return rule ? "" : rule.error().message;
}

TEST(Subject, IsAHotkeyOfAnyPrefix) {
  for (const std::uint16_t prefix : {wire::kBittensorPrefix, std::uint16_t{2}}) {
    const auto rule = parse_subject(wire::encode_ss58(key_of(1), prefix));
    ASSERT_TRUE(rule) << rule.error().message;
    EXPECT_EQ(*rule, (Rule{.name = "", .hotkeys = {key_of(1)}}));
    EXPECT_EQ(rule->action, Action::deny);
  }
}

TEST(Subject, IsAnAddressOrABlockOfThem) {
  for (const auto* text :
       {"192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "::1", "0.0.0.0/0", "::/0", "::ffff:0:0/96"}) {
    const auto rule = parse_subject(text);
    ASSERT_TRUE(rule) << rule.error().message;
    EXPECT_EQ(*rule, (Rule{.name = "", .networks = {*base::Network::parse(text)}}));
  }
}

TEST(Subject, IsAColdkeyOrAUid) {
  const auto coldkey = parse_subject("coldkey:" + wire::encode_ss58(key_of(5)));
  ASSERT_TRUE(coldkey);
  EXPECT_EQ(*coldkey, (Rule{.name = "", .coldkeys = {key_of(5)}}));
  const auto uid = parse_subject("uid:65535");
  ASSERT_TRUE(uid);
  EXPECT_EQ(*uid, (Rule{.name = "", .uids = {65535}}));
  EXPECT_THAT(parse_subject("uid:0")->uids, ElementsAre(0));
}

TEST(Subject, ThatIsNoneIsToldWhatThereIs) {
  EXPECT_THAT(wrong(""), HasSubstr("\"\" is no hotkey ("));
  EXPECT_THAT(wrong("alice"), HasSubstr("coldkey:<SS58> or uid:<number>"));
  EXPECT_THAT(wrong("hotkey:5F"), HasSubstr("\"hotkey:5F\" is no hotkey, IP address"));
  EXPECT_THAT(wrong("10.0.0.0/33"), HasSubstr("no CIDR block"));
  EXPECT_THAT(wrong("10.0.0.0/08"), HasSubstr("no CIDR block"));
  EXPECT_THAT(wrong("10.1.2.3/8"),
              HasSubstr("\"10.1.2.3/8\" has bits behind its prefix; the block is 10.0.0.0/8"));
  EXPECT_THAT(wrong("coldkey:"), HasSubstr("no SS58 address: "));
  EXPECT_THAT(wrong("coldkey:10.0.0.1"), HasSubstr("no SS58 address: "));
  for (const char* text : {"uid:", "uid:65536", "uid:-1", "uid:1x", "uid: 1", "uid:+1"}) {
    EXPECT_THAT(wrong(text), HasSubstr("is no uid: a number from 0 to 65535")) << text;
  }
  EXPECT_NE(wrong(wire::encode_ss58(key_of(1)) + " "), "");
  EXPECT_LT(wrong(std::string(10'000, 'x')).size(), 400u);
  EXPECT_EQ(parse_subject("x").error().code, Code::malformed);
}

TEST(Rule, IsDescribedByWhatItHas) {
  EXPECT_EQ(describe(Rule{}), "everybody");
  const auto address = wire::encode_ss58(key_of(1));
  EXPECT_EQ(describe(Rule{.name = "", .hotkeys = {key_of(1)}}), "hotkey " + address);
  EXPECT_EQ(describe(Rule{.name = "", .coldkeys = {key_of(1), key_of(2), key_of(3)}}),
            "coldkey " + address + " and 2 more");
  EXPECT_EQ(describe(Rule{.name = "", .uids = {7}, .networks = {*base::Network::parse("::1")}}),
            "uid 7 ip ::1");
  EXPECT_EQ(describe(Rule{.name = "",
                          .uids = {7},
                          .validator_permit = true,
                          .min_stake = 1'000,
                          .below_stake = 2'000}),
            "uid 7 validator_permit true min_stake 1000 below_stake 2000");
}

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(*parse_duration("1s"), seconds(1));
  EXPECT_EQ(*parse_duration("90s"), seconds(90));
  EXPECT_EQ(*parse_duration("10m"), seconds(600));
  EXPECT_EQ(*parse_duration("1h"), seconds(3'600));
  EXPECT_EQ(*parse_duration("7d"), seconds(604'800));
  EXPECT_EQ(*parse_duration("3650d"), seconds(315'360'000));
}

TEST(Duration, ThatIsNoneIsToldWhatThereIs) {
  for (const char* text : {"", "s", "10", "10w", "0s", "-1s", "1.5h", " 1h", "1 h", "3651d",
                           "315360001s", "99999999999999999999s"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_THAT(duration.error().message, HasSubstr("such as 10m or 7d")) << text;
  }
}

}  // namespace
}  // namespace dojo::policy
