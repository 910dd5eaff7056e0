// Hashes for tables whose keys a peer chooses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <sodium.h>

namespace dojo::wire {

/// SipHash-2-4 (https://www.aumasson.jp/siphash) of an array of bytes under a key of this process's
/// own, so that nobody can choose keys that meet in one bucket. Any thread.
struct KeyHash {
  template <std::size_t N>
  std::size_t operator()(const std::array<std::uint8_t, N>& bytes) const {
    static const auto kSecret = [] {
      std::array<unsigned char, crypto_shorthash_KEYBYTES> made{};
      crypto_shorthash_keygen(made.data());
      return made;
    }();
    std::array<unsigned char, crypto_shorthash_BYTES> hash{};
    crypto_shorthash(hash.data(), bytes.data(), bytes.size(), kSecret.data());
    std::size_t number = 0;
    static_assert(sizeof number == hash.size());
    std::memcpy(&number, hash.data(), sizeof number);
    return number;
  }
};

}  // namespace dojo::wire
