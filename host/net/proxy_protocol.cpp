#include "net/proxy_protocol.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace dojo::net {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr unsigned kLocal = 0x20;    // version 2, command LOCAL
constexpr unsigned kProxied = 0x21;  // version 2, command PROXY
constexpr unsigned kUnspecified = 0x00;
constexpr unsigned kTcp4 = 0x11;
constexpr unsigned kTcp6 = 0x21;
constexpr std::string_view kLine = "PROXY ";

std::string_view take_word(std::string_view& line) {
  const auto end = std::min(line.find(' '), line.size());
  const auto word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

/// An address of the family that was named, as inet_ntop(3) writes them.
std::optional<base::IpAddress> read_address(std::string_view text, bool v6) {
  if ((text.find(':') != std::string_view::npos) != v6 || text.starts_with('[')) return {};
  return base::IpAddress::parse(text);
}

bool is_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, port);
  return !digits.empty() && error == std::errc() && at == end;
}

}  // namespace

ProxyHeader::State ProxyHeader::feed(std::string_view& bytes) {
  if (version_ == Version::not_told && !tell_version(bytes)) return State::none;
  switch (version_) {
    case Version::line:
      return feed_line(bytes);
    case Version::binary:
      return feed_binary(bytes);
    case Version::not_told:
      break;
  }
  return State::need_more;
}

/// @return false if it is no header, of whatever version
bool ProxyHeader::tell_version(std::string_view& bytes) {
  while (version_ == Version::not_told && !bytes.empty()) {
    if (have_ == 0 && bytes.front() == kSignature.front()) {
      version_ = Version::binary;
    } else if (bytes.front() != kLine[have_]) {
      return false;
    } else {
      kept_[have_++] = bytes.front();
      bytes.remove_prefix(1);
      if (have_ == kLine.size()) version_ = Version::line;
    }
  }
  return true;
}

// ---- version 1

ProxyHeader::State ProxyHeader::feed_line(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (have_ == kept_.size()) return State::malformed;
    kept_[have_++] = bytes.front();
    bytes.remove_prefix(1);
    if (kept_[have_ - 1] == '\n') return read_line() ? State::done : State::malformed;
  }
  return State::need_more;
}

bool ProxyHeader::read_line() {
  std::string_view line(kept_.data(), have_);
  if (!line.ends_with("\r\n")) return false;
  line.remove_suffix(2);
  line.remove_prefix(kLine.size());
  const auto protocol = take_word(line);
  if (protocol == "UNKNOWN") return true;
  const bool v6 = protocol == "TCP6";
  if (!v6 && protocol != "TCP4") return false;
  source_ = read_address(take_word(line), v6);
  return source_ && read_address(take_word(line), v6) && is_port(take_word(line)) && is_port(line);
}

// ---- version 2

ProxyHeader::State ProxyHeader::feed_binary(std::string_view& bytes) {
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
