// Numbers of JSON, judged by their decimal text: what is exact stays exact.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include <dojo/cxx20.hpp>

namespace dojo::detail {

/// A number as its text has it: `digits` (with a point, perhaps) times ten to the `exponent`.
struct Decimal {
  std::string_view digits;
  std::int64_t exponent = 0;  // cut to ±2^40, far beyond what the digits of any text make up for
  bool negative = false;
};

/// @param number whole and well formed
inline Decimal parse_decimal(std::string_view number) noexcept {
  constexpr std::int64_t kFar = std::int64_t{1} << 40;
  Decimal decimal;
  decimal.negative = number.front() == '-';
  if (decimal.negative) number.remove_prefix(1);
  const auto e = number.find_first_of("eE");
  decimal.digits = number.substr(0, e);
  if (e == std::string_view::npos) return decimal;
  auto power = number.substr(e + 1);
  const bool shrinks = power.front() == '-';
  if (shrinks || power.front() == '+') power.remove_prefix(1);
  std::int64_t exponent = 0;
  for (const char digit : power) {
    exponent = exponent * 10 + (digit - '0');
    if (exponent > kFar) exponent = kFar;
  }
  decimal.exponent = shrinks ? -exponent : exponent;
  return decimal;
}

/// The magnitude of a number that is an integer, however it is written (`1.0`, `1e2`), or nothing
/// if it is none or 64 bits do not hold it.
inline std::optional<std::uint64_t> integral_magnitude(const Decimal& decimal) noexcept {
  std::uint64_t value = 0;
  std::int64_t exponent = decimal.exponent;
  std::int64_t zeros = 0;  // at the end, so far: they count once another digit follows
  bool fraction = false;
  const auto tenfold = [&] { return !__builtin_mul_overflow(value, std::uint64_t{10}, &value); };
  for (const char digit : decimal.digits) {
    if (digit == '.') {
      fraction = true;
      continue;
    }
    if (fraction) --exponent;
    if (digit == '0') {
      if (value != 0) ++zeros;
      continue;
    }
    for (; zeros >= 0; --zeros) {
      if (!tenfold()) return std::nullopt;
    }
    zeros = 0;
    const auto units = static_cast<std::uint64_t>(digit - '0');
    if (__builtin_add_overflow(value, units, &value)) return std::nullopt;
  }
  if (value == 0) return 0;
  exponent += zeros;
  if (exponent < 0) return std::nullopt;
  for (; exponent > 0; --exponent) {
    if (!tenfold()) return std::nullopt;
  }
  return value;
}

/// Whether a number that is not zero is below one, for one that a double cannot hold: then it is
/// too small for it, and not too large.
inline bool is_below_one(const Decimal& decimal) noexcept {
  std::int64_t magnitude = decimal.exponent;
  bool leading = true;
  bool fraction = false;
  for (const char digit : decimal.digits) {
    if (digit == '.') {
      fraction = true;
      continue;
    }
    if (digit != '0') leading = false;
    if (fraction && leading) --magnitude;
    if (!fraction && !leading) ++magnitude;
  }
  return magnitude <= 0;
}

/// The double that is nearest to a number. @param number whole and well formed
/// @return nothing if it is beyond the largest one
inline std::optional<double> nearest_double(std::string_view number) noexcept {
  double value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  if (read.ec == std::errc() && std::isfinite(value)) return value;
  const auto decimal = parse_decimal(number);
  if (!is_below_one(decimal)) return std::nullopt;
  return decimal.negative ? -0.0 : 0.0;
}

}  // namespace dojo::detail
