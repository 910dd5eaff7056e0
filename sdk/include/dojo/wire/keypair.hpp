// Key material: seeds, mnemonics, and signing with them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <dojo/result.hpp>
#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::wire {

/// A key pair that can sign. Copies share one secret, which lives in locked, guarded memory
/// (sodium_malloc) and is wiped when the last copy goes. Every member may be called from any
/// thread.
class Keypair {
 public:
  /// A fresh key from the operating system's randomness.
  static Keypair generate(Scheme scheme = Scheme::sr25519);

  /// From a 32-byte seed (schnorrkel's "mini secret key" for sr25519, expanded in its Ed25519 mode;
  /// RFC 8032's private key for ed25519). The caller wipes its own copy.
  static Keypair from_seed(std::span<const std::uint8_t, 32> seed, Scheme scheme = Scheme::sr25519);

  /// From 64 hex digits, with or without `0x`.
  static Result<Keypair> from_seed_hex(std::string_view hex, Scheme scheme = Scheme::sr25519);

  /// From 128 hex digits, with or without `0x`: schnorrkel's expanded secret key, scalar ‖ nonce,
  /// which is all that is known of a derived key (`//Alice`) and what a hotkey file holds as
  /// `privateKey`. sr25519.
  static Result<Keypair> from_private_key_hex(std::string_view hex);

  /// From a BIP-39 English mnemonic of 12, 15, 18, 21 or 24 words whose checksum is right, as
  /// Substrate derives it: the *entropy* (not the sentence) through PBKDF2-HMAC-SHA512 with salt
  /// "mnemonic" + password, 2048 rounds, first 32 bytes the seed
  /// (https://github.com/paritytech/substrate-bip39). Derivation paths (`//hard/soft`) are refused
  /// by name.
  static Result<Keypair> from_mnemonic(std::string_view phrase, std::string_view password = {},
                                       Scheme scheme = Scheme::sr25519);

  [[nodiscard]] Scheme scheme() const;
  [[nodiscard]] const PublicKey& public_key() const;

  /// The SS58 address: what `x-hotkey` carries.
  [[nodiscard]] std::string address(std::uint16_t prefix = kBittensorPrefix) const;

  /// Signs the bytes of `message`. sr25519 signatures are randomised: no two are alike.
  [[nodiscard]] SignatureBytes sign(std::string_view message) const;

 private:
  struct Secret;
  explicit Keypair(std::shared_ptr<const Secret> secret);
  std::shared_ptr<const Secret> secret_;
};

/// A new 12-word BIP-39 English mnemonic (128 bits of entropy). The caller wipes it (see wipe()).
std::string generate_mnemonic();

/// Overwrites a secret text so that the compiler cannot leave it out, and clears it.
void wipe(std::string& secret);

}  // namespace dojo::wire
