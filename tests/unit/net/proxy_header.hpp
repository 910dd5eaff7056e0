// PROXY protocol headers, written by hand.
#pragma once

#include <string>

namespace dojo::net {

/// @param command version and command; @param family address family and transport; @param rest
/// addresses and TLVs
inline std::string proxy_v2(int command, int family, const std::string& rest) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += static_cast<char>(command);
  header += static_cast<char>(family);
  header += static_cast<char>(rest.size() >> 8);
  header += static_cast<char>(rest.size() & 0xff);
  return header + rest;
}

inline constexpr char kProxyV1[] = "PROXY TCP4 203.0.113.9 127.0.0.1 4660 80\r\n";

/// From 203.0.113.9 port 4660 to 127.0.0.1 port 80.
inline std::string v4_addresses() {
  return {"\xcb\x00\x71\x09\x7f\x00\x00\x01\x12\x34\x00\x50", 12};
}

/// From 2001:db8::9 to ::1.
inline std::string v6_addresses() {
  std::string bytes("\x20\x01\x0d\xb8", 4);
  bytes.append(11, '\0').append("\x09").append(15, '\0').append("\x01");
  return bytes.append("\x12\x34\x00\x50", 4);
}

}  // namespace dojo::net
