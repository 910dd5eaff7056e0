#include "net/grammar.hpp"

#include <algorithm>
#include <array>

namespace dojo::net {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

constexpr std::array<bool, 256> table(std::string_view others) {
  std::array<bool, 256> set{};
  for (const std::string_view part : {kDigits, kLetters, others}) {
    for (const char c : part) set[static_cast<unsigned char>(c)] = true;
  }
  return set;
}

constexpr auto kName = table("-._~%!$&'()*+,;=");
constexpr auto kLiteral = table("-._~!$&'()*+,;=:");

bool all_of(std::string_view text, const std::array<bool, 256>& set) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return set[static_cast<unsigned char>(c)]; });
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool escapes_are_whole(std::string_view text) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (at + 2 >= text.size() || !is_hex(text[at + 1]) || !is_hex(text[at + 2])) return false;
  }
  return true;
}

}  // namespace

bool is_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

bool is_host(std::string_view text) {
  std::size_t host_end = text.find(':');
  if (!text.empty() && text.front() == '[') {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos || bracket < 3 ||
        !all_of(text.substr(1, bracket - 1), kLiteral)) {
      return false;
    }
    host_end = bracket + 1;
    if (host_end < text.size() && text[host_end] != ':') return false;
  } else if (!all_of(text.substr(0, host_end), kName) ||
             !escapes_are_whole(text.substr(0, host_end))) {
    return false;
  }
  if (host_end >= text.size()) return true;
  const std::string_view port = text.substr(host_end + 1);
  return port.size() <= 5 && port.find_first_not_of(kDigits) == std::string_view::npos;
}

}  // namespace dojo::net
