// Signatures on the wire, and checking them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <dojo/result.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::wire {

/// The key types of a hotkey; the values are the scheme bytes of Substrate's MultiSignature.
enum class Scheme : std::uint8_t { ed25519 = 0, sr25519 = 1 };

/// "sr25519" or "ed25519".
std::string_view to_string(Scheme scheme);
std::optional<Scheme> parse_scheme(std::string_view word);

/// 64 bytes: R ‖ s. schnorrkel marks sr25519 by the highest bit of the last byte; ed25519 never has
/// that bit, since its s is below 2^253. So the bytes alone tell the scheme.
using SignatureBytes = std::array<std::uint8_t, 64>;

/// The scheme that the marker bit tells.
Scheme scheme_of(const SignatureBytes& signature);

/// Reads the `x-signature` header: `0x` and 128 hex digits, or 130 where a scheme byte leads (00
/// ed25519, 01 sr25519) that has to agree with the marker bit.
/// @return the 64 bytes, or an error (Code::malformed) that says what was expected. Any thread.
Result<SignatureBytes> parse_signature(std::string_view text);

/// `0x` and 128 lower-case hex digits.
std::string format_signature(const SignatureBytes& signature);

/// Checks a signature over the very bytes of `message`, by the scheme of its marker bit.
/// sr25519: schnorrkel's `verify_simple` with the signing context `substrate`
/// (https://github.com/w3f/schnorrkel, src/sign.rs; Merlin transcripts, https://merlin.cool).
/// ed25519: RFC 8032, as libsodium checks it (no small-order or non-canonical keys and R).
/// @return true only if it is right; non-canonical encodings of key, R or s are refused. Any
/// thread.
bool verify(const PublicKey& key, std::string_view message, const SignatureBytes& signature);

/// The same by a scheme that was declared, whatever the marker bit tells: false where they differ.
bool verify(const PublicKey& key, Scheme scheme, std::string_view message,
            const SignatureBytes& signature);

/// Like verify(), and if that fails once more over `<Bytes>message</Bytes>`, which is what polkadot
/// wallets sign.
bool verify_maybe_wrapped(const PublicKey& key, std::string_view message,
                          const SignatureBytes& signature);

}  // namespace dojo::wire
