#include "hex.hpp"

#include <sodium.h>

namespace dojo::wire {

std::string encode_hex(std::span<const std::uint8_t> bytes) {
  std::string digits(2 * bytes.size(), '\0');
  // sodium_bin2hex also writes the terminating zero, for which a std::string has room.
  sodium_bin2hex(digits.data(), digits.size() + 1, bytes.data(), bytes.size());
  return digits;
}

bool decode_hex(std::string_view digits, std::span<std::uint8_t> out) {
  std::size_t written = 0;
  return sodium_hex2bin(out.data(), out.size(), digits.data(), digits.size(), nullptr, &written,
                        nullptr) == 0 &&
         written == out.size();
}

}  // namespace dojo::wire
