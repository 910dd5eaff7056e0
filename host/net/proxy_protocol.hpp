// The PROXY protocol's version 2 header (haproxy.org/download/2.9/doc/proxy-protocol.txt, 2.2):
// which address a proxy speaks for. To be read from proxies that the operator named alone, since
// anybody can write one.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/address.hpp"

namespace dojo::net {

/// Reads one header, in pieces of any size.
class ProxyHeader {
 public:
  enum class State { need_more, done, malformed };

  /// Takes what belongs to the header off the front of `bytes`.
  State feed(std::string_view& bytes);
  /// The caller's address; none if the proxy speaks for itself (LOCAL) or for something without an
  /// IP address.
  [[nodiscard]] const std::optional<base::IpAddress>& source() const { return source_; }

 private:
  static constexpr std::size_t kFixed = 16;
  static constexpr std::size_t kAddresses = 36;   // of TCP over IPv6, the longest one read
  static constexpr std::size_t kMaxRest = 4'096;  // addresses and TLVs

  [[nodiscard]] bool read_fixed_part();
  void read_addresses();

  std::array<char, kFixed + kAddresses> kept_{};
  std::size_t have_ = 0;
  std::size_t wanted_ = kFixed;  // bytes to keep
  std::size_t skip_ = 0;         // bytes of TLVs to pass over
  bool fixed_done_ = false;
  std::optional<base::IpAddress> source_;
};

}  // namespace dojo::net
