// IP addresses and blocks of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <netinet/in.h>

namespace dojo::base {

/// An IP address. IPv4 is held as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that an address means the
/// same whichever kind of socket it was seen on.
class IpAddress {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  IpAddress() = default;
  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}
  /// @param text dotted IPv4, or IPv6 with or without brackets
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress of_v4(const std::uint8_t* four_bytes);
  static IpAddress of(const sockaddr_storage& address);

  [[nodiscard]] bool is_v4() const;
  /// Reached from this machine alone: 127.0.0.0/8 and ::1.
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  /// As people write it; IPv4 dotted.
  [[nodiscard]] std::string text() const;
  /// Whom to count it as: an IPv4 address itself, an IPv6 one as its /64, which is what one host is
  /// usually given.
  [[nodiscard]] Bytes owner() const;
  /// Its first bits, and zeros behind them. @param prefix 0 to 128
  [[nodiscard]] Bytes masked(unsigned prefix) const;
  /// As the system wants it: AF_INET for IPv4, AF_INET6 otherwise. @return the size in use
  socklen_t to_sockaddr(std::uint16_t port, sockaddr_storage& out) const;
  bool operator==(const IpAddress&) const = default;

 private:
  Bytes bytes_{};
};

/// A block of addresses. `::/0` holds the IPv4 ones too.
class Network {
 public:
  Network() = default;
  /// @param prefix bits of the 128
  Network(const IpAddress& base, unsigned prefix) : base_(base.masked(prefix)), prefix_(prefix) {}
  /// @param text an address, or one with `/` and the length of its prefix in bits; bits behind the
  /// prefix do not matter
  static std::optional<Network> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& address) const;
  /// Its first address.
  [[nodiscard]] const IpAddress& base() const { return base_; }
  /// Bits that its addresses share, of the 128 that an IPv4 address has here too: 104
  /// for 10.0.0.0/8.
  [[nodiscard]] unsigned prefix() const { return prefix_; }
  /// As people write it: "10.0.0.0/8", or the address if it is only one.
  [[nodiscard]] std::string text() const;
  bool operator==(const Network&) const = default;

 private:
  IpAddress base_;
  unsigned prefix_ = 128;
};

/// Whether one of some blocks holds an address.
bool holds(std::span<const Network> networks, const IpAddress& address);

}  // namespace dojo::base
