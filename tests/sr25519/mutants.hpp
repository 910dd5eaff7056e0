// Signatures that are right but for one thing, to hold implementations of sr25519 against each
// other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <sodium.h>

#include "sr25519.hpp"
#include "sr25519/by_libsodium.hpp"

namespace dojo::wire::test {

struct Triple {
  Bytes32 key{};
  std::string message;
  SignatureBytes signature{};
};

/// What is changed. Those that say "for it" have a signature that was made for what is in it:
/// nothing but its encoding is wrong. Those that say "as it was" keep the signature that was right
/// before.
enum class Mutation : std::uint8_t {
  none,                    ///< a good signature
  flip_signature,          ///< one bit, as it was
  flip_key,                ///< one bit, as it was
  flip_message,            ///< one bit, as it was
  cut_message,             ///< a byte less, or one more, as it was
  marker_off,              ///< the signature's last bit
  order_added,             ///< s and a multiple of the group's order
  scalar_off_by_little,    ///< s and a small number
  scalar_negated,          ///< −s
  scalar_large,            ///< s from the order to 2^255 − 1
  scalar_zero,             ///< with an R for it, if its challenge were not changed by that
  commitment_of_another,   ///< another R, as it was
  commitment_negative,     ///< p − R, for it
  commitment_high_bit,     ///< R + 2^255, for it
  commitment_prime_added,  ///< R + p, for it
  commitment_identity,     ///< R = 0, for it: this is right
  commitment_prime,        ///< the identity as p, for it
  commitment_no_encoding,  ///< R is among kNoEncodings, for it
  key_negative,            ///< p − A, for it
  key_high_bit,            ///< A + 2^255, for it
  key_prime_added,         ///< A + p, for it
  key_of_another,          ///< another's A, as it was
  key_identity,            ///< A = 0, and a signature that needs no secret
  key_prime,               ///< the identity as p, and a signature that needs no secret
  key_no_encoding,         ///< A is among kNoEncodings, for it
  halves_exchanged,        ///< s ‖ R, with a marker
  noise,                   ///< any bytes, with a marker
};
inline constexpr std::size_t kMutations = static_cast<std::size_t>(Mutation::noise) + 1;

inline constexpr std::array<std::string_view, kMutations> kMutationNames = {
    "none",
    "flip_signature",
    "flip_key",
    "flip_message",
    "cut_message",
    "marker_off",
    "order_added",
    "scalar_off_by_little",
    "scalar_negated",
    "scalar_large",
    "scalar_zero",
    "commitment_of_another",
    "commitment_negative",
    "commitment_high_bit",
    "commitment_prime_added",
    "commitment_identity",
    "commitment_prime",
    "commitment_no_encoding",
    "key_negative",
    "key_high_bit",
    "key_prime_added",
    "key_of_another",
    "key_identity",
    "key_prime",
    "key_no_encoding",
    "halves_exchanged",
    "noise"};

/// No encodings of points: Ed25519's points of small order (and their other encodings), and numbers
/// that look like small ones.
inline const std::array<Bytes32, 16>& no_encodings() {
  static const auto kNone = [] {
    constexpr std::array<const char*, 16> kHex = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "f1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    std::array<Bytes32, kHex.size()> all{};
    for (std::size_t i = 0; i < all.size(); ++i) {
      sodium_hex2bin(all[i].data(), all[i].size(), kHex[i], 64, nullptr, nullptr, nullptr);
    }
    return all;
  }();
  return kNone;
}

/// Who signs: the secret is known.
struct Signing {
  sr25519::SecretKey secret;
  Bytes32 key{};

  explicit Signing(const Bytes32& seed) {
    sr25519::expand_seed(seed, secret);
    key = sr25519::public_key_of(secret);
  }
};

/// A witness and its commitment.
struct Nonce {
  Bytes32 witness{};
  Bytes32 commitment{};

  /// @param wide any bytes; what is zero is taken for one
  explicit Nonce(const std::array<std::uint8_t, 64>& wide) {
    crypto_core_ristretto255_scalar_reduce(witness.data(), wide.data());
    if (crypto_scalarmult_ristretto255_base(commitment.data(), witness.data()) != 0) {
      witness[0] = 1;
      (void)crypto_scalarmult_ristretto255_base(commitment.data(), witness.data());
    }
  }
};

/// Makes signatures, changed in one way or not at all.
class Mutator {
 public:
  /// @param signer @param other with another key @param nonce for the signature @param spare
  /// another nonce
  Mutator(const Signing& signer, const Signing& other, const Nonce& nonce, const Nonce& spare)
      : signer_(signer), other_(other), nonce_(nonce), spare_(spare) {}

  /// @param choice which of the ways that a mutation has; any number
  [[nodiscard]] Triple make(Mutation mutation, std::string message, std::uint32_t choice) const {
    Triple triple{signer_.key, std::move(message), {}};
    if (!forge(triple, mutation, choice)) {
      sign(triple, nonce_.witness, nonce_.commitment);
      change(triple, mutation, choice);
    }
    return triple;
  }

 private:
  void sign(Triple& triple, const Bytes32& witness, const Bytes32& commitment) const {
    triple.signature =
        sign_with_commitment(signer_.secret, triple.key, triple.message, witness, commitment);
  }

  static Bytes32 half(const SignatureBytes& signature, std::size_t which) {
    Bytes32 bytes{};
    std::copy_n(signature.begin() + static_cast<std::ptrdiff_t>(32 * which), 32, bytes.begin());
    if (which == 1) bytes[31] &= 0x7f;
    return bytes;
  }

  /// Sets s, which is to be below 2^255.
  static void set_scalar(Triple& triple, const Bytes32& s) {
    std::copy(s.begin(), s.end(), triple.signature.begin() + 32);
    triple.signature[63] |= 0x80;
  }

  static Bytes32 with_high_bit(Bytes32 bytes) {
    bytes[31] |= 0x80;
    return bytes;
  }

  /// Signs for odd encodings. @return false if it is no mutation of this sort
  bool forge(Triple& triple, Mutation mutation, std::uint32_t choice) const {
    const Bytes32& odd = no_encodings()[choice % no_encodings().size()];
    switch (mutation) {
      case Mutation::commitment_negative:
        sign(triple, nonce_.witness, negated(nonce_.commitment));
        return true;
      case Mutation::commitment_high_bit:
        sign(triple, nonce_.witness, with_high_bit(nonce_.commitment));
        return true;
      case Mutation::commitment_prime_added:
        sign(triple, nonce_.witness, plus(nonce_.commitment, kPrime));
        return true;
      case Mutation::commitment_identity:
        sign(triple, {}, {});
        return true;
      case Mutation::commitment_prime:
        sign(triple, {}, kPrime);
        return true;
      case Mutation::commitment_no_encoding:
        sign(triple, choice % 2 == 0 ? Bytes32{} : nonce_.witness, odd);
        return true;
      case Mutation::key_negative:
        triple.key = negated(triple.key);
        break;
      case Mutation::key_high_bit:
        triple.key = with_high_bit(triple.key);
        break;
      case Mutation::key_prime_added:
        triple.key = plus(triple.key, kPrime);
        break;
      case Mutation::key_no_encoding:
        triple.key = odd;
        break;
      case Mutation::key_identity:
      case Mutation::key_prime:
        triple.key = mutation == Mutation::key_prime ? kPrime : Bytes32{};
        std::copy(nonce_.commitment.begin(), nonce_.commitment.end(), triple.signature.begin());
        set_scalar(triple, nonce_.witness);
        return true;
      default:
        return false;
    }
    sign(triple, nonce_.witness, nonce_.commitment);
    return true;
  }

  /// Changes what was right.
  void change(Triple& triple, Mutation mutation, std::uint32_t choice) const {
    const auto flip = [](std::uint8_t& byte, std::uint32_t bit) {
      byte = static_cast<std::uint8_t>(byte ^ (1U << bit % 8));
    };
    auto& signature = triple.signature;
    const Bytes32 s = half(signature, 1);
    Bytes32 little{};
    little[0] = static_cast<std::uint8_t>(choice % 255 + 1);
    switch (mutation) {
      case Mutation::flip_signature:
        flip(signature[choice / 8 % 64], choice);
        break;
      case Mutation::flip_key:
        flip(triple.key[choice / 8 % 32], choice);
        break;
      case Mutation::flip_message:
        if (triple.message.empty())
          triple.message = "x";
        else
          triple.message[choice / 8 % triple.message.size()] ^= static_cast<char>(1U << choice % 8);
        break;
      case Mutation::cut_message:
        if (choice % 2 == 0 && !triple.message.empty())
          triple.message.pop_back();
        else
          triple.message.push_back(static_cast<char>(choice));
        break;
      case Mutation::marker_off:
        signature[63] &= 0x7f;
        break;
      case Mutation::order_added: {
        Bytes32 more = s;  // below 2^255: seven times the order at most
        for (std::uint32_t i = 0; i <= choice % 6; ++i) more = plus(more, kOrder);
        set_scalar(triple, more);
        break;
      }
      case Mutation::scalar_off_by_little:
        set_scalar(triple, plus(s, little));
        break;
      case Mutation::scalar_negated: {
        Bytes32 negative{};
        crypto_core_ristretto255_scalar_negate(negative.data(), s.data());
        set_scalar(triple, negative);
        break;
      }
      case Mutation::scalar_large: {
        Bytes32 large = plus(kOrder, choice % 3 == 0 ? Bytes32{} : little);
        if (choice % 3 == 2) large.fill(0xff);
        large[31] &= 0x7f;
        set_scalar(triple, large);
        break;
      }
      case Mutation::scalar_zero:
        set_scalar(triple, {});
        break;
      case Mutation::commitment_of_another:
        std::copy(spare_.commitment.begin(), spare_.commitment.end(), signature.begin());
        break;
      case Mutation::key_of_another:
        triple.key = other_.key;
        break;
      case Mutation::halves_exchanged: {
        const Bytes32 commitment = half(signature, 0);
        std::copy(s.begin(), s.end(), signature.begin());
        set_scalar(triple, commitment);
        break;
      }
      case Mutation::noise:
        crypto_generichash(signature.data(), signature.size(),
                           reinterpret_cast<const unsigned char*>(&choice), sizeof choice, s.data(),
                           s.size());
        signature[63] |= 0x80;
        break;
      default:
        break;
    }
  }

  const Signing& signer_;
  const Signing& other_;
  const Nonce& nonce_;
  const Nonce& spare_;
};

}  // namespace dojo::wire::test
