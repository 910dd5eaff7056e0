// Taking apart what is signed: fields with one space between them, `name=value`.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace dojo::wire {

/// Takes the text up to the next space off the front, and the space too.
std::string_view take_field(std::string_view& text);

/// What stands behind `name`; empty, which no field may be, if the text begins otherwise.
std::string_view value_of(std::string_view text, std::string_view name);

/// As decode_hex(), and no upper case: equal bytes are equal texts.
bool decode_lower_hex(std::string_view digits, std::span<std::uint8_t> out);

/// Decimal digits without sign or leading zero, of any 64-bit number.
std::optional<std::uint64_t> parse_decimal(std::string_view digits);

/// The same for a unix time. 15 digits reach the year 33658, and keep sums far from overflow.
std::optional<std::chrono::sys_time<std::chrono::milliseconds>> parse_time(std::string_view digits);

}  // namespace dojo::wire
