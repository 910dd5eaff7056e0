// The PROXY protocol's header, version 1 or 2 (haproxy.org/download/2.9/doc/proxy-protocol.txt, 2.1
// and 2.2): which address a proxy speaks for. To be read from proxies that the operator named
// alone, since anybody can write one.
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
  enum class State {
    need_more,
    done,
    none,  ///< the peer begins with something else: taken(), and what is left of the bytes
    malformed,
  };

  /// Takes what belongs to the header off the front of `bytes`.
  State feed(std::string_view& bytes);
  /// The caller's address; none if the proxy speaks for itself (LOCAL) or for something without an
  /// IP address (UNKNOWN).
  [[nodiscard]] const std::optional<base::IpAddress>& source() const { return source_; }
  /// At State::none: what was taken for the beginning of one.
  [[nodiscard]] std::string_view taken() const { return {kept_.data(), have_}; }

 private:
  enum class Version { not_told, line, binary };
  static constexpr std::size_t kFixed = 16;
  static constexpr std::size_t kAddresses = 36;   // of TCP over IPv6, the longest one read
  static constexpr std::size_t kMaxRest = 4'096;  // addresses and TLVs
  static constexpr std::size_t kLongestLine = 107;

  [[nodiscard]] bool tell_version(std::string_view& bytes);
  State feed_line(std::string_view& bytes);
  [[nodiscard]] bool read_line();
  State feed_binary(std::string_view& bytes);
  [[nodiscard]] bool read_fixed_part();
  void read_addresses();

  Version version_ = Version::not_told;
  std::array<char, kLongestLine> kept_{};
  std::size_t have_ = 0;
  std::size_t wanted_ = kFixed;  // bytes of a binary one to keep
  std::size_t skip_ = 0;         // bytes of TLVs to pass over
  bool fixed_done_ = false;
  std::optional<base::IpAddress> source_;
};

}  // namespace dojo::net
