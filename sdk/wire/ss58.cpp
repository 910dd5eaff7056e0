#include <algorithm>
#include <optional>
#include <span>

#include <fmt/format.h>
#include <sodium.h>

#include <dojo/wire/ss58.hpp>

namespace dojo::wire {
namespace {

constexpr std::string_view kAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::size_t kMaxText = 64;
constexpr std::size_t kKeySize = std::tuple_size_v<PublicKey>;
constexpr std::size_t kChecksumSize = 2;
constexpr std::size_t kMaxPayload = 2 + kKeySize + kChecksumSize;  ///< with a two-byte prefix
constexpr std::uint16_t kFirstTwoBytePrefix = 64;

constexpr std::uint8_t kNoDigit = 0xff;
constexpr std::array<std::uint8_t, 256> kDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}();

/// A number as 32-bit limbs, least significant first: room for 64 base58 digits (375 bits).
using Limbs = std::array<std::uint32_t, 12>;

/// Base58 is converted five digits at a time: 58^5 is the largest power below 2^32.
constexpr std::size_t kChunk = 5;
constexpr std::uint32_t kChunkBase = 58U * 58 * 58 * 58 * 58;

void multiply_add(Limbs& number, std::uint32_t factor, std::uint32_t addend) {
  std::uint64_t carry = addend;
  for (auto& limb : number) {
    carry += std::uint64_t{limb} * factor;
    limb = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
}

std::uint32_t divide(Limbs& number, std::uint32_t divisor) {
  std::uint64_t remainder = 0;
  for (std::size_t i = number.size(); i-- > 0;) {
    remainder = remainder << 32 | number[i];
    number[i] = static_cast<std::uint32_t>(remainder / divisor);
    remainder %= divisor;
  }
  return static_cast<std::uint32_t>(remainder);
}

struct Payload {
  std::array<std::uint8_t, kMaxText> bytes{};
  std::size_t size = 0;
};

/// Base58 without its checks: every character of `text` is of the alphabet, and there are at
/// most 64.
Payload decode_base58(std::string_view text) {
  const std::size_t zeros = std::min(text.find_first_not_of('1'), text.size());
  Limbs number{};
  while (!text.empty()) {
    std::uint32_t factor = 1;
    std::uint32_t addend = 0;
    for (const char digit : text.substr(0, kChunk)) {
      factor *= 58;
      addend = addend * 58 + kDigits[static_cast<std::uint8_t>(digit)];
    }
    multiply_add(number, factor, addend);
    text.remove_prefix(std::min(kChunk, text.size()));
  }
  Payload payload;
  payload.size = zeros;  // each leading '1' stands for a zero byte
  bool significant = false;
  for (std::size_t i = number.size() * 4; i-- > 0;) {
    const auto byte = static_cast<std::uint8_t>(number[i / 4] >> (i % 4 * 8));
    significant = significant || byte != 0;
    if (!significant) continue;
    if (payload.size == payload.bytes.size()) return {};  // longer than any address
    payload.bytes[payload.size++] = byte;
  }
  return payload;
}

std::string encode_base58(std::span<const std::uint8_t> bytes) {
  Limbs number{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t place = bytes.size() - 1 - i;
    number[place / 4] |= std::uint32_t{bytes[i]} << (place % 4 * 8);
  }
  std::array<char, kMaxText + kChunk> reversed;
  std::size_t count = 0;
  while (std::any_of(number.begin(), number.end(), [](auto limb) { return limb != 0; })) {
    std::uint32_t chunk = divide(number, kChunkBase);
    for (std::size_t i = 0; i < kChunk; ++i, chunk /= 58) reversed[count++] = kAlphabet[chunk % 58];
  }
  while (count > 0 && reversed[count - 1] == '1') --count;  // of the last chunk, which may be short
  for (const std::uint8_t byte : bytes) {
    if (byte != 0) break;
    reversed[count++] = '1';
  }
  return {std::reverse_iterator(reversed.begin() + count), reversed.rend()};
}

std::array<std::uint8_t, kChecksumSize> checksum(std::span<const std::uint8_t> content) {
  constexpr std::string_view kContext = "SS58PRE";
  std::array<std::uint8_t, kContext.size() + kMaxPayload> input;
  auto* const end = std::copy(kContext.begin(), kContext.end(), input.begin());
  std::copy(content.begin(), content.end(), end);
  std::array<std::uint8_t, crypto_generichash_BYTES_MAX> hash;  // BLAKE2b-512
  crypto_generichash(hash.data(), hash.size(), input.data(), kContext.size() + content.size(),
                     nullptr, 0);
  return {hash[0], hash[1]};
}

struct Prefix {
  std::uint16_t value = 0;
  std::size_t size = 0;  ///< bytes
};

/// The prefix that a payload begins with, or nothing where the standard gives it no meaning.
/// Prefixes below 64 have one form, of one byte, so that an address has one text.
std::optional<Prefix> read_prefix(std::span<const std::uint8_t> payload) {
  const unsigned first = payload[0];
  if (first < kFirstTwoBytePrefix) {
    if (first == 46 || first == 47) return std::nullopt;
    return Prefix{static_cast<std::uint16_t>(first), 1};
  }
  if (first >= 128) return std::nullopt;
  const unsigned second = payload[1];
  const unsigned value = ((first << 2) & 0xfcU) | (second >> 6) | ((second & 0x3fU) << 8);
  if (value < kFirstTwoBytePrefix) return std::nullopt;
  return Prefix{static_cast<std::uint16_t>(value), 2};
}

}  // namespace

Result<Ss58Address> decode_ss58(std::string_view text) {
  const auto malformed = [](std::string message) {
    return fail(std::move(message), Code::malformed);
  };
  if (text.empty()) return malformed("the address is empty");
  if (text.size() > kMaxText) {
    return malformed(fmt::format("the address has {} characters; none has over 64", text.size()));
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kDigits[static_cast<std::uint8_t>(text[i])] == kNoDigit) {
      return malformed(
          fmt::format("character {} of the address is not of the base58 alphabet", i + 1));
    }
  }
  const Payload payload = decode_base58(text);
  if (payload.size != kMaxPayload && payload.size != kMaxPayload - 1) {
    return malformed(
        fmt::format("the address has the wrong length: it holds {} bytes, not the {} of a "
                    "32-byte key with prefix and checksum",
                    payload.size, kMaxPayload - 1));
  }
  const std::span bytes = std::span(payload.bytes).first(payload.size);
  const auto prefix = read_prefix(bytes);
  if (!prefix) return malformed("the address has a reserved prefix");
  if (bytes.size() != prefix->size + kKeySize + kChecksumSize) {
    return malformed(
        fmt::format("the address has the wrong length for its prefix {}: its key would be "
                    "{} bytes, not 32",
                    prefix->value, bytes.size() - prefix->size - kChecksumSize));
  }
  const auto content = bytes.first(bytes.size() - kChecksumSize);
  if (!std::ranges::equal(checksum(content), bytes.last(kChecksumSize))) {
    return malformed("the address has a wrong checksum; look for a typing error");
  }
  Ss58Address address{.prefix = prefix->value};
  std::ranges::copy(content.last(kKeySize), address.key.begin());
  return address;
}

std::string encode_ss58(const PublicKey& key, std::uint16_t prefix) {
  std::array<std::uint8_t, kMaxPayload> payload;
  std::size_t size = 0;
  if (prefix < kFirstTwoBytePrefix) {
    payload[size++] = static_cast<std::uint8_t>(prefix);
  } else {
    payload[size++] = static_cast<std::uint8_t>(((prefix & 0xfcU) >> 2) | 0x40U);
    payload[size++] = static_cast<std::uint8_t>(((prefix >> 8) & 0x3fU) | ((prefix & 3U) << 6));
  }
  std::ranges::copy(key, payload.begin() + size);
  size += key.size();
  const auto sum = checksum(std::span(payload).first(size));
  std::ranges::copy(sum, payload.begin() + size);
  return encode_base58(std::span(payload).first(size + sum.size()));
}

}  // namespace dojo::wire
