#include "net/forwarded.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/made_head.hpp"

namespace dojo::net {
namespace {

using State = Forwarded::State;
using testing::ElementsAre;
using Fields = std::vector<std::pair<std::string, std::string>>;

const std::vector<base::Network> kProxies{*base::Network::parse("10.0.0.0/8"),
                                          *base::Network::parse("2001:db8::/32")};

Forwarded read(const Fields& fields) {
  return read_forwarded(test::make_head("POST", "/Echo", fields), kProxies);
}
/// The caller's address, or how there is none.
std::string who(const Fields& fields) {
  const auto said = read(fields);
  switch (said.state) {
    case State::absent:
      return "absent";
    case State::unnamed:
      return "unnamed";
    case State::malformed:
      return "malformed";
    case State::named:
      break;
  }
  return said.caller.text();
}

TEST(Forwarded, IsAbsentWhereNoFieldSaysIt) {
  EXPECT_EQ(who({}), "absent");
  EXPECT_EQ(who({{"forwarded-for", "192.0.2.1"}, {"x-real-ip", "192.0.2.1"}}), "absent");
}

TEST(Forwarded, NamesTheLastOneWhoIsNoProxy) {
  for (const char* name : {"X-Forwarded-For", "x-forwarded-for"}) {
    EXPECT_EQ(who({{name, "192.0.2.1"}}), "192.0.2.1");
    EXPECT_EQ(who({{name, "203.0.113.7, 192.0.2.1"}}), "192.0.2.1") << "the first is its invention";
    EXPECT_EQ(who({{name, "203.0.113.7, 192.0.2.1,10.0.0.1 ,\t10.9.9.9"}}), "192.0.2.1");
    EXPECT_EQ(who({{name, "203.0.113.7"}, {"a", "b"}, {name, "192.0.2.1"}, {name, "10.0.0.1"}}),
              "192.0.2.1");
  }
  EXPECT_EQ(who({{"Forwarded", "for=192.0.2.1"}}), "192.0.2.1");
  EXPECT_EQ(who({{"FORWARDED",
                  "for=203.0.113.7;proto=http, proto=https;FOR=192.0.2.1;by=x, "
                  "for=10.0.0.1"}}),
            "192.0.2.1");
  EXPECT_EQ(who({{"Forwarded", "for=203.0.113.7"}, {"Forwarded", "for=192.0.2.1"}}), "192.0.2.1");
}

TEST(Forwarded, ReadsEachFormOfAnAddress) {
  for (const char* v6 : {"\"[2001:DB9::1]\"", "\"[2001:db9::1]:4711\"", "\"\\[2001:db9::1]\""}) {
    EXPECT_EQ(who({{"Forwarded", std::string("for=") + v6}}), "2001:db9::1") << v6;
  }
  EXPECT_EQ(who({{"Forwarded", "for=\"192.0.2.1:80\""}}), "192.0.2.1");
  for (const char* v6 : {"2001:db9::1", "[2001:db9::1]", "[2001:db9::1]:80"}) {
    EXPECT_EQ(who({{"X-Forwarded-For", v6}}), "2001:db9::1") << v6;
  }
  EXPECT_EQ(who({{"X-Forwarded-For", "192.0.2.1:80"}}), "192.0.2.1");
  EXPECT_EQ(who({{"X-Forwarded-For", "::ffff:192.0.2.1"}}), "192.0.2.1");
}

TEST(Forwarded, NamesNobodyWhereTheProxyDoesNot) {
  for (const char* node : {"unknown", "_hidden", "_SEVKISEK", "192.0.2", "[::1", "[::1]x", "",
                           "192.0.2.1.", "example.org", "10.0.0.1"}) {
    EXPECT_EQ(
        who({{"X-Forwarded-For", std::string("192.0.2.1, ") + node}}),
        std::string(node).empty() || std::string(node) == "10.0.0.1" ? "192.0.2.1" : "unnamed")
        << node;
    EXPECT_EQ(who({{"Forwarded", std::string("for=\"") + node + "\""}}), "unnamed") << node;
  }
  EXPECT_EQ(who({{"Forwarded", "for=192.0.2.1, proto=https"}}), "unnamed");
  EXPECT_EQ(who({{"X-Forwarded-For", "10.1.1.1, 2001:db8::5"}}), "unnamed") << "proxies alone";
  EXPECT_EQ(who({{"X-Forwarded-For", ""}}), "unnamed");
}

TEST(Forwarded, IsNoCallersToBreak) {
  // What a caller has sent stands before what its proxy adds.
  for (const char* begin : {"for=\"", "for=\"192.0.2.9\\", "=", "for", "for=", "for=a b",
                            "for=1;for=2", "for=192.0.2.9 10.0.0.1", "for=\"a\"b", "f@r=1"}) {
    EXPECT_EQ(who({{"Forwarded", std::string(begin) + ", for=192.0.2.1"}}), "malformed") << begin;
    EXPECT_EQ(who({{"Forwarded", begin}, {"Forwarded", "for=192.0.2.1"}}), "malformed") << begin;
  }
  EXPECT_EQ(who({{"X-Forwarded-For", "\", ;for=192.0.2.9, 192.0.2.1"}}), "192.0.2.1");
}

TEST(Forwarded, HasToAgreeWithTheOtherField) {
  // Whichever of the two its proxy sets, a caller can send the other one.
  EXPECT_EQ(who({{"Forwarded", "for=192.0.2.1"}, {"X-Forwarded-For", "192.0.2.1"}}), "192.0.2.1");
  EXPECT_EQ(who({{"Forwarded", "for=192.0.2.9"}, {"X-Forwarded-For", "192.0.2.1"}}), "malformed");
  EXPECT_EQ(who({{"Forwarded", "for=unknown"}, {"X-Forwarded-For", "192.0.2.1"}}), "malformed");
  EXPECT_EQ(who({{"Forwarded", "for=192.0.2.1"}, {"X-Forwarded-For", "x"}}), "malformed");
  EXPECT_EQ(read({{"Forwarded", "for=192.0.2.9"}, {"X-Forwarded-For", "192.0.2.1"}}).why,
            "Forwarded and X-Forwarded-For disagree");
}

TEST(Forwarded, TakesTheValuesOfForInTheirOrder) {
  EXPECT_THAT(*parse_forwarded("for=a;by=b , for=\"c, \\\"d\\\"\" ; proto=http,by=e"),
              ElementsAre("a", "c, \"d\"", ""));
  EXPECT_THAT(*parse_forwarded(""), ElementsAre(""));
}

}  // namespace
}  // namespace dojo::net
