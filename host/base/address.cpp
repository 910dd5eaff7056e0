#include "base/address.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>

namespace dojo::base {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kV4Prefix = 96;  // bits of ::ffff:0:0

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  const std::string terminated(text);
  Bytes bytes{};
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return IpAddress(bytes);
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) return of_v4(bytes.data());
  return std::nullopt;
}

IpAddress IpAddress::of_v4(const std::uint8_t* four_bytes) {
  Bytes bytes{};
  const std::array<std::uint8_t, 4> v4{four_bytes[0], four_bytes[1], four_bytes[2], four_bytes[3]};
  std::copy(kMapped.begin(), kMapped.end(), bytes.begin());
  std::copy(v4.begin(), v4.end(), bytes.begin() + kMapped.size());
  return IpAddress(bytes);
}

IpAddress IpAddress::of(const sockaddr_storage& address) {
  Bytes bytes{};
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    std::memcpy(bytes.data(), &v4.sin_addr, 4);
    return of_v4(bytes.data());
  }
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  }
  return IpAddress(bytes);
}

bool IpAddress::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin());
}

bool IpAddress::is_loopback() const {
  return (is_v4() && bytes_[kMapped.size()] == 127) || *this == IpAddress::parse("::1");
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  const bool v4 = is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, bytes_.data() + (v4 ? kMapped.size() : 0), out.data(),
            out.size());
  return out.data();
}

IpAddress::Bytes IpAddress::owner() const {
  Bytes key = bytes_;
  if (!is_v4()) std::fill(key.begin() + 8, key.end(), std::uint8_t{0});
  return key;
}

IpAddress::Bytes IpAddress::masked(unsigned prefix) const {
  Bytes kept = bytes_;
  const std::size_t whole = prefix / 8;
  if (whole >= kept.size()) return kept;
  kept[whole] &= static_cast<std::uint8_t>(0xff << (8 - prefix % 8));
  std::fill(kept.begin() + static_cast<std::ptrdiff_t>(whole) + 1, kept.end(), std::uint8_t{0});
  return kept;
}

socklen_t IpAddress::to_sockaddr(std::uint16_t port, sockaddr_storage& out) const {
  out = {};
  if (is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, bytes_.data() + kMapped.size(), 4);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, bytes_.data(), bytes_.size());
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto base = IpAddress::parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  if (slash == std::string_view::npos) return Network(*base, 128);
  const std::string_view digits = text.substr(slash + 1);
  // 08 may be somebody's octal.
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8; with less than 96 bits somebody has thought of those 8.
  const bool dotted = text.substr(0, slash).find(':') == std::string_view::npos;
  const unsigned width = dotted ? 32 : 128;
  const unsigned least = base->is_v4() && !dotted ? kV4Prefix : 0;
  unsigned prefix = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (error != std::errc{} || end != digits.data() + digits.size() || prefix > width ||
      prefix < least) {
    return std::nullopt;
  }
  return Network(*base, 128 - width + prefix);
}

bool Network::contains(const IpAddress& address) const {
  return address.masked(prefix_) == base_.bytes();
}

std::string Network::text() const {
  if (prefix_ == 128) return base_.text();
  const unsigned above = base_.is_v4() ? kV4Prefix : 0;
  return base_.text() + '/' + std::to_string(prefix_ - above);
}

bool holds(std::span<const Network> networks, const IpAddress& address) {
  return std::ranges::any_of(networks,
                             [&](const Network& network) { return network.contains(address); });
}

}  // namespace dojo::base
