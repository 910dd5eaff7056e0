// SS58, the address format of Substrate chains: base58(prefix ‖ public key ‖ checksum).
// Source: https://docs.substrate.io/reference/address-formats/ ; checksum = BLAKE2b-512("SS58PRE" ‖
// prefix ‖ key)[0..2).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <dojo/result.hpp>

namespace dojo::wire {

/// 32 bytes: a compressed ristretto255 point (sr25519) or Edwards point (ed25519). Two hotkeys are
/// the same caller when these are equal, whatever prefix their addresses carry.
using PublicKey = std::array<std::uint8_t, 32>;

/// The network prefix of Bittensor hotkeys and of Substrate's generic addresses.
inline constexpr std::uint16_t kBittensorPrefix = 42;

struct Ss58Address {
  PublicKey key{};
  std::uint16_t prefix = kBittensorPrefix;  ///< 0…16383
};

/// Reads an address of any prefix and checks its checksum.
/// @param text base58, at most 64 characters; surrounding white space is an error.
/// @return the key and prefix; or an error (Code::malformed) that names what is wrong: empty, a
/// character outside the base58 alphabet and its position, wrong length, reserved prefix, wrong
/// checksum. Any thread.
Result<Ss58Address> decode_ss58(std::string_view text);

/// Writes an address. @param prefix 0…16383; 46 and 47 are reserved, and are written all the same.
/// Any thread.
std::string encode_ss58(const PublicKey& key, std::uint16_t prefix = kBittensorPrefix);

}  // namespace dojo::wire
