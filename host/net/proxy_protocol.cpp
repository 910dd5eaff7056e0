#include "net/proxy_protocol.hpp"

#include <algorithm>

namespace dojo::net {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr unsigned kLocal = 0x20;    // version 2, command LOCAL
constexpr unsigned kProxied = 0x21;  // version 2, command PROXY
constexpr unsigned kUnspecified = 0x00;
constexpr unsigned kTcp4 = 0x11;
constexpr unsigned kTcp6 = 0x21;

}  // namespace

ProxyHeader::State ProxyHeader::feed(std::string_view& bytes) {
  for (;;) {
    const std::string_view part = bytes.substr(0, wanted_ - have_);
    std::copy(part.begin(), part.end(), kept_.begin() + static_cast<std::ptrdiff_t>(have_));
    have_ += part.size();
    bytes.remove_prefix(part.size());
    const std::size_t checked = std::min(have_, kSignature.size());
    if (std::string_view(kept_.data(), checked) != kSignature.substr(0, checked))
      return State::malformed;
    if (have_ < wanted_) return State::need_more;
    if (!fixed_done_) {
      fixed_done_ = true;
      if (!read_fixed_part()) return State::malformed;
      continue;
    }
    const std::size_t passed = std::min(skip_, bytes.size());
    skip_ -= passed;
    bytes.remove_prefix(passed);
    if (skip_ > 0) return State::need_more;
    if (wanted_ > kFixed) read_addresses();
    return State::done;
  }
}

bool ProxyHeader::read_fixed_part() {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(kept_[at]); };
  const unsigned command = byte(12);
  const unsigned family = byte(13);
  const std::size_t rest = std::size_t{byte(14)} << 8 | byte(15);
  if (rest > kMaxRest || (command != kLocal && command != kProxied)) return false;
  std::size_t addresses = 0;
  if (command == kProxied && family != kUnspecified) {
    if (family != kTcp4 && family != kTcp6) return false;
    addresses = family == kTcp4 ? 12 : kAddresses;
  }
  if (rest < addresses) return false;
  wanted_ = kFixed + addresses;
  skip_ = rest - addresses;
  return true;
}

void ProxyHeader::read_addresses() {
  base::IpAddress::Bytes bytes{};
  const bool v4 = wanted_ == kFixed + 12;
  std::transform(kept_.begin() + kFixed, kept_.begin() + kFixed + (v4 ? 4 : 16), bytes.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  source_ = v4 ? base::IpAddress::of_v4(bytes.data()) : base::IpAddress(bytes);
}

}  // namespace dojo::net
