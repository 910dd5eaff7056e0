#include "fields.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "hex.hpp"

namespace dojo::wire {

std::string_view take_field(std::string_view& text) {
  const auto end = std::min(text.find(' '), text.size());
  const auto field = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return field;
}

std::string_view value_of(std::string_view text, std::string_view name) {
  return text.starts_with(name) ? text.substr(name.size()) : std::string_view{};
}

bool decode_lower_hex(std::string_view digits, std::span<std::uint8_t> out) {
  const bool upper = std::ranges::any_of(digits, [](char c) { return c >= 'A' && c <= 'F'; });
  return !upper && decode_hex(digits, out);
}

std::optional<std::uint64_t> parse_decimal(std::string_view digits) {
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  std::uint64_t number = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

std::optional<std::chrono::sys_time<std::chrono::milliseconds>> parse_time(
    std::string_view digits) {
  constexpr std::size_t kMostDigits = 15;
  const auto count = digits.size() > kMostDigits ? std::nullopt : parse_decimal(digits);
  if (!count) return std::nullopt;
  return std::chrono::sys_time<std::chrono::milliseconds>(
      std::chrono::milliseconds(static_cast<std::int64_t>(*count)));
}

}  // namespace dojo::wire
