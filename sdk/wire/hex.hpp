// Hexadecimal, by libsodium's constant-time codec: what passes here may be secret.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dojo::wire {

/// Lower-case digits, two a byte.
std::string encode_hex(std::span<const std::uint8_t> bytes);

/// Reads exactly `out.size()` bytes. @return false, with `out` in any state, unless `digits` is
/// just that many.
bool decode_hex(std::string_view digits, std::span<std::uint8_t> out);

}  // namespace dojo::wire
