#include "net/proxy_protocol.hpp"

#include <string>

#include <gtest/gtest.h>

#include "proxy_header.hpp"

namespace dojo::net {
namespace {

using State = ProxyHeader::State;

TEST(ProxyHeader, TellsTheCallersAddressHoweverItIsCut) {
  for (const std::string& header : {std::string(kProxyV1), proxy_v2(0x21, 0x11, v4_addresses()),
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
  for (const std::string& bytes : {proxy_v2(0x21, 0x21, v6_addresses()),
                                   std::string("PROXY TCP6 2001:db8::9 ::1 4660 80\r\n")}) {
    ProxyHeader parser;
    std::string_view rest = bytes;
    ASSERT_EQ(parser.feed(rest), State::done);
    EXPECT_EQ(parser.source()->text(), "2001:db8::9");
  }
}

TEST(ProxyHeader, NamesNobodyIfTheProxySpeaksForItself) {
  for (const std::string& bytes :
       {proxy_v2(0x20, 0x11, v4_addresses()), proxy_v2(0x20, 0, ""), proxy_v2(0x21, 0, "tlv"),
        std::string("PROXY UNKNOWN\r\n"), std::string("PROXY UNKNOWN ffff::1 ::1 1 2\r\n")}) {
    ProxyHeader parser;
    std::string_view rest = bytes;
    ASSERT_EQ(parser.feed(rest), State::done);
    EXPECT_FALSE(parser.source());
  }
}

TEST(ProxyHeader, LeavesWhatIsNoneToWhoReadsOn) {
  for (const std::string bytes : {"GET / HTTP/1.1\r\n", "POST /Echo HTTP/1.1\r\n",
                                  "PROXIED / HTTP/1.1\r\n", "PROXY/", "\n"}) {
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      ProxyHeader parser;
      std::string_view first = std::string_view(bytes).substr(0, cut);
      std::string_view second = std::string_view(bytes).substr(cut);
      auto state = parser.feed(first);
      if (state == State::need_more) {
        ASSERT_EQ(first, "");
        state = parser.feed(second);
      }
      ASSERT_EQ(state, State::none) << bytes << cut;
      EXPECT_EQ(std::string(parser.taken()).append(first).append(second), bytes);
    }
  }
}

TEST(ProxyHeader, RefusesALineThatIsNotWellFormed) {
  for (const std::string line :
       {"TCP4 203.0.113.9 127.0.0.1 4660 80\n", "TCP4 203.0.113.9 127.0.0.1 4660\r\n",
        "TCP4 203.0.113.9 127.0.0.1 4660 80 90\r\n", "TCP4  203.0.113.9 127.0.0.1 4660 80\r\n",
        "TCP4 203.0.113.9 127.0.0.1 4660 65536\r\n", "TCP4 203.0.113.9 127.0.0.1 -1 80\r\n",
        "TCP4 203.0.113.9 127.0.0.1 4660 80x\r\n", "TCP4 ::1 ::1 4660 80\r\n",
        "TCP6 203.0.113.9 127.0.0.1 4660 80\r\n", "TCP6 [::1] ::1 4660 80\r\n",
        "TCP4 203.0.113 127.0.0.1 4660 80\r\n", "TCP4 203.0.113.9 127.0.0 4660 80\r\n",
        "UDP4 203.0.113.9 127.0.0.1 4660 80\r\n", "tcp4 203.0.113.9 127.0.0.1 4660 80\r\n",
        "\r\n"}) {
    ProxyHeader parser;
    const std::string bytes = "PROXY " + line;
    std::string_view rest = bytes;
    EXPECT_EQ(parser.feed(rest), State::malformed) << line;
  }
  for (const auto& [length, state] : {std::pair{107, State::done}, {108, State::malformed}}) {
    ProxyHeader parser;
    std::string bytes = "PROXY UNKNOWN ";
    bytes.append(static_cast<std::size_t>(length) - bytes.size() - 2, 'x').append("\r\n");
    std::string_view rest = bytes;
    EXPECT_EQ(parser.feed(rest), state) << length;
  }
}

TEST(ProxyHeader, RefusesWhatItDoesNotKnow) {
  std::string wrong_signature = proxy_v2(0x21, 0x11, v4_addresses());
  wrong_signature[3] = 'x';
  for (const std::string& bytes :
       {wrong_signature, proxy_v2(0x11, 0x11, v4_addresses()), proxy_v2(0x22, 0x11, v4_addresses()),
        proxy_v2(0x21, 0x12, v4_addresses()), proxy_v2(0x21, 0x31, std::string(216, 'u')),
        proxy_v2(0x21, 0x11, "short"), proxy_v2(0x21, 0x21, v4_addresses()),
        proxy_v2(0x21, 0x11, std::string(5'000, 't'))}) {
    ProxyHeader parser;
    std::string_view rest = bytes;
    EXPECT_EQ(parser.feed(rest), State::malformed);
  }
}

}  // namespace
}  // namespace dojo::net
