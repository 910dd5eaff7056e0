// sr25519: Schnorr signatures on ristretto255 (RFC 9496) as schnorrkel makes them
// (https://github.com/w3f/schnorrkel, src/sign.rs and src/keys.rs), with the signing context
// `substrate`. The group is libsodium's.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::wire::sr25519 {

/// A secret: keep it in guarded memory.
struct SecretKey {
  std::array<std::uint8_t, 32> scalar{};  ///< below the group's order
  std::array<std::uint8_t, 32> nonce{};   ///< goes into every witness
};

/// schnorrkel's MiniSecretKey::expand(ExpandMode::Ed25519).
void expand_seed(std::span<const std::uint8_t, 32> seed, SecretKey& secret);

/// Whether a little-endian number is below the group's order: the one form that scalars have.
bool is_canonical(std::span<const std::uint8_t, 32> scalar);

PublicKey public_key_of(const SecretKey& secret);

SignatureBytes sign(const SecretKey& secret, const PublicKey& key, std::string_view message);

/// Checks a signature over the concatenation of `parts`.
bool verify(const PublicKey& key, std::span<const std::string_view> parts,
            const SignatureBytes& signature);

}  // namespace dojo::wire::sr25519
