#include "base/address.hpp"

#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace dojo::net {
namespace {

TEST(IpAddress, IsWrittenAsPeopleDo) {
  EXPECT_EQ(base::IpAddress::parse("192.0.2.7")->text(), "192.0.2.7");
  EXPECT_EQ(base::IpAddress::parse("2001:DB8:0:0::1")->text(), "2001:db8::1");
  EXPECT_EQ(base::IpAddress::parse("[::1]")->text(), "::1");
}

TEST(IpAddress, ShowsAMappedIpv4AddressAsIpv4) {
  sockaddr_storage storage{};
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr);
  std::memcpy(&storage, &v6, sizeof v6);
  EXPECT_EQ(base::IpAddress::of(storage).text(), "192.0.2.7");
}

TEST(IpAddress, KnowsWhatThisMachineAloneReaches) {
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(base::IpAddress::parse(text)->is_loopback()) << text;
  }
  for (const char* text : {"0.0.0.0", "::", "128.0.0.1", "10.127.0.1", "7f00::1", "::2"}) {
    EXPECT_FALSE(base::IpAddress::parse(text)->is_loopback()) << text;
  }
}

TEST(IpAddress, IsNotReadFromNames) {
  for (const char* text : {"", "localhost", "1.2.3", "1.2.3.4.5", "::g", "[::1", "1.2.3.4:80"}) {
    EXPECT_FALSE(base::IpAddress::parse(text)) << text;
  }
}

TEST(IpAddress, CountsIpv6BySixtyFourBitsAndIpv4Whole) {
  EXPECT_EQ(base::IpAddress::parse("2001:db8::1")->owner(),
            base::IpAddress::parse("2001:db8::ffff")->owner());
  EXPECT_NE(base::IpAddress::parse("2001:db8::1")->owner(),
            base::IpAddress::parse("2001:db8:0:1::1")->owner());
  EXPECT_NE(base::IpAddress::parse("192.0.2.1")->owner(),
            base::IpAddress::parse("192.0.2.2")->owner());
}

bool contains(const char* block, const char* address) {
  return base::Network::parse(block)->contains(*base::IpAddress::parse(address));
}

TEST(Network, HoldsItsAddressesAndNoOthers) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("192.0.2.4/30", "192.0.2.7"));
  EXPECT_FALSE(contains("192.0.2.4/30", "192.0.2.8"));
  EXPECT_TRUE(contains("192.0.2.4", "192.0.2.4"));
  EXPECT_FALSE(contains("192.0.2.4", "192.0.2.5"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contains("0.0.0.0/0", "192.0.2.1"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
}

TEST(IpAddress, KeepsItsFirstBitsWhenItIsMasked) {
  const auto masked = [](const char* text, unsigned prefix) {
    return base::IpAddress(base::IpAddress::parse(text)->masked(prefix)).text();
  };
  EXPECT_EQ(masked("192.0.2.7", 128), "192.0.2.7");
  EXPECT_EQ(masked("192.0.2.7", 126), "192.0.2.4");
  EXPECT_EQ(masked("192.0.2.7", 96), "0.0.0.0");
  EXPECT_EQ(masked("2001:db8:ffff:ffff::1", 33), "2001:db8:8000::");
  EXPECT_EQ(masked("2001:db8::1", 0), "::");
}

TEST(Network, IsWrittenWithoutTheBitsBehindItsPrefix) {
  for (const auto& [text, written] : {std::pair{"10.1.2.3/8", "10.0.0.0/8"},
                                      {"192.0.2.4", "192.0.2.4"},
                                      {"192.0.2.4/32", "192.0.2.4"},
                                      {"0.0.0.0/0", "0.0.0.0/0"},
                                      {"2001:db8::ff/32", "2001:db8::/32"},
                                      {"::1/128", "::1"},
                                      {"::ffff:0:0/96", "0.0.0.0/0"},
                                      {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
                                      {"::ffff:10.0.0.1/128", "10.0.0.1"},
                                      {"10.0.0.0/0", "0.0.0.0/0"},
                                      {"1::/0", "::/0"}}) {
    EXPECT_EQ(base::Network::parse(text)->text(), written);
    EXPECT_EQ(base::Network::parse(written), base::Network::parse(text));
  }
  EXPECT_EQ(base::Network::parse("10.0.0.0/8")->prefix(), 104);
  EXPECT_EQ(base::Network::parse("2001:db8::/32")->prefix(), 32);
  EXPECT_EQ(base::Network::parse("10.1.2.3/8")->base(), base::IpAddress::parse("10.0.0.0"));
  EXPECT_NE(base::Network::parse("10.0.0.0/8"), base::Network::parse("10.0.0.0/9"));
}

TEST(Network, OfAllAddressesHoldsBothKinds) {
  EXPECT_TRUE(contains("::/0", "192.0.2.1"));
  EXPECT_TRUE(contains("::/0", "2001:db8::1"));
}

TEST(Network, IsNotReadFromNonsense) {
  for (const char* text :
       {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0.0/8x", "name/8",
        "10.0.0.0/08", "10.0.0.0/00", "::/064", "::ffff:10.0.0.0/8", "::ffff:0:0/95"}) {
    EXPECT_FALSE(base::Network::parse(text)) << text;
  }
}

}  // namespace
}  // namespace dojo::net
