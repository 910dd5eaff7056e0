#include "net/proxy_protocol.hpp"

#include <string>

#include <gtest/gtest.h>

#include "proxy_header.hpp"

namespace dojo::net {
namespace {

using State = ProxyHeader::State;

TEST(ProxyHeader, TellsTheCallersAddressHoweverItIsCut) {
  for (const std::string& header : {proxy_v2(0x21, 0x11, v4_addresses()),
                                    proxy_v2(0x21, 0x11, v4_addresses() + std::string(300, 't'))}) {
    const std::string bytes = header + "GET";
    for (std::size_t cut = 1; cut < header.size(); ++cut) {
      ProxyHeader parser;
      std::string_view first = std::string_view(bytes).substr(0, cut);
      std::string_view second = std::string_view(bytes).substr(cut);
      ASSERT_EQ(parser.feed(first), State::need_more) << cut;
      ASSERT_EQ(parser.feed(second), State::done) << cut;
      EXPECT_EQ(second, "GET");
      EXPECT_EQ(parser.source()->text(), "203.0.113.9");
    }
  }
}

TEST(ProxyHeader, ReadsIpv6) {
  ProxyHeader parser;
  const std::string bytes = proxy_v2(0x21, 0x21, v6_addresses());
  std::string_view rest = bytes;
  ASSERT_EQ(parser.feed(rest), State::done);
  EXPECT_EQ(parser.source()->text(), "2001:db8::9");
}

TEST(ProxyHeader, NamesNobodyIfTheProxySpeaksForItself) {
  for (const std::string& bytes :
       {proxy_v2(0x20, 0x11, v4_addresses()), proxy_v2(0x20, 0, ""), proxy_v2(0x21, 0, "tlv")}) {
    ProxyHeader parser;
    std::string_view rest = bytes;
    ASSERT_EQ(parser.feed(rest), State::done);
    EXPECT_FALSE(parser.source());
  }
}

TEST(ProxyHeader, RefusesWhatItDoesNotKnow) {
  std::string wrong_signature = proxy_v2(0x21, 0x11, v4_addresses());
  wrong_signature[3] = 'x';
  for (const std::string& bytes :
       {wrong_signature, std::string("GET / HTTP/1.1\r\n"), proxy_v2(0x11, 0x11, v4_addresses()),
        proxy_v2(0x22, 0x11, v4_addresses()), proxy_v2(0x21, 0x12, v4_addresses()),
        proxy_v2(0x21, 0x31, std::string(216, 'u')), proxy_v2(0x21, 0x11, "short"),
        proxy_v2(0x21, 0x21, v4_addresses()), proxy_v2(0x21, 0x11, std::string(5'000, 't'))}) {
    ProxyHeader parser;
    std::string_view rest = bytes;
    EXPECT_EQ(parser.feed(rest), State::malformed);
  }
}

}  // namespace
}  // namespace dojo::net
