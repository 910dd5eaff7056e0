// sr25519: Schnorr signatures on ristretto255 (RFC 9496) as schnorrkel makes them
// (https://github.com/w3f/schnorrkel, src/sign.rs and src/keys.rs), with the signing context
// `substrate`. What is secret is computed by libsodium, in constant time; signatures are checked by
// libdecaf, which is quicker (docs/decisions/sr25519.md).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::wire {

/// What polkadot wallets put around a message before they sign it.
inline constexpr std::string_view kWrapBegin = "<Bytes>";
inline constexpr std::string_view kWrapEnd = "</Bytes>";

}  // namespace dojo::wire

namespace dojo::wire::sr25519 {

using Scalar = std::array<std::uint8_t, 32>;  ///< little-endian
using Point = std::array<std::uint8_t, 32>;   ///< as ristretto255 encodes it

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

/// Multiples of a public key, with which a signature of it is checked in about half of the time.
/// Depends on the key alone, and holds no secret: 9,216 bytes, of libdecaf 1.0.2. Immutable: any
/// thread.
class KeyTable;

/// Takes about as long as checking a signature.
/// @return null if `key` is no canonical encoding of a point, or the identity
std::shared_ptr<const KeyTable> make_table(const PublicKey& key);

/// sB − cA: the R of a signature whose s and challenge are these. Takes a time that depends on its
/// arguments, which are to be public.
/// @return nothing if s or c is zero or not below the group's order, or `key` is no canonical
/// encoding of a point, or the identity
std::optional<Point> commitment_of(const PublicKey& key, const Scalar& s, const Scalar& c);
/// The same for the key that `key` is a table of.
std::optional<Point> commitment_of(const KeyTable& key, const Scalar& s, const Scalar& c);

/// Checks a signature over the concatenation of `parts`. Any thread.
/// @param table the key's, where there is one; the outcome is the same without
bool verify(const PublicKey& key, std::span<const std::string_view> parts,
            const SignatureBytes& signature, const KeyTable* table = nullptr);

/// Like verify() and, if that fails, once more over the message as polkadot wallets wrap it.
bool verify_maybe_wrapped(const PublicKey& key, std::string_view message,
                          const SignatureBytes& signature, const KeyTable* table = nullptr);

}  // namespace dojo::wire::sr25519
