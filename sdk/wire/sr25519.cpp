#include "sr25519.hpp"

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

#include <decaf/point_255.h>
#include <sodium.h>

#include "secret.hpp"
#include "transcript.hpp"

namespace dojo::wire::sr25519 {
namespace {

constexpr std::uint8_t kMarker =
    0x80;  ///< of the signature's last byte: tells sr25519 from ed25519

/// The transcript up to and with the key: all that signer and verifier know before R.
Transcript begin_transcript(const PublicKey& key, std::span<const std::string_view> message) {
  static const Transcript kContext = [] {
    Transcript transcript("SigningContext");
    transcript.append("", "substrate");
    return transcript;
  }();
  Transcript transcript = kContext;
  transcript.append("sign-bytes", message);
  transcript.append("proto-name", "Schnorr-sig");
  transcript.append("sign:pk", key);
  return transcript;
}

Scalar challenge_scalar(Transcript& transcript, std::span<const std::uint8_t> commitment) {
  transcript.append("sign:R", commitment);
  std::array<std::uint8_t, 64> wide;
  transcript.challenge("sign:c", wide);
  Scalar scalar;
  crypto_core_ristretto255_scalar_reduce(scalar.data(), wide.data());
  return scalar;
}

/// libdecaf's form of a scalar. @return false if it is zero, or not reduced
bool read_scalar(const Scalar& bytes, decaf_255_scalar_t scalar) {
  return decaf_255_scalar_decode(scalar, bytes.data()) == DECAF_SUCCESS &&
         decaf_255_scalar_eq(scalar, decaf_255_scalar_zero) == DECAF_FALSE;
}

/// libdecaf's form of a key. @return false unless it is a canonical encoding, and not the identity
bool read_key(const PublicKey& bytes, decaf_255_point_t key) {
  return decaf_255_point_decode(key, bytes.data(), DECAF_FALSE) == DECAF_SUCCESS;
}

Point encode(const decaf_255_point_t point) {
  Point bytes;
  decaf_255_point_encode(bytes.data(), point);
  return bytes;
}

}  // namespace

class KeyTable {
 public:
  explicit KeyTable(const decaf_255_point_t point)
      : table_(static_cast<decaf_255_precomputed_s*>(::operator new(size(), alignment()))) {
    decaf_255_precompute(table_.get(), point);
  }
  [[nodiscard]] const decaf_255_precomputed_s* get() const { return table_.get(); }

 private:
  static std::size_t size() { return decaf_255_sizeof_precomputed_s; }
  static std::align_val_t alignment() { return std::align_val_t{decaf_255_alignof_precomputed_s}; }
  struct Free {
    void operator()(decaf_255_precomputed_s* table) const { ::operator delete(table, alignment()); }
  };
  std::unique_ptr<decaf_255_precomputed_s, Free> table_;
};

bool is_canonical(std::span<const std::uint8_t, 32> scalar) {
  // 2^252 + 27742317777372353535851937790883648493, little-endian.
  constexpr Scalar kOrder = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                             0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                             0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  // The borrow of scalar − order: no branch tells of a secret.
  unsigned borrow = 0;
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    borrow = ((unsigned{scalar[i]} - kOrder[i] - borrow) >> 8) & 1U;
  }
  return borrow == 1;
}

void expand_seed(std::span<const std::uint8_t, 32> seed, SecretKey& secret) {
  Wiped<crypto_hash_sha512_BYTES> hash;
  crypto_hash_sha512(hash.data(), seed.data(), seed.size());
  std::uint8_t* const scalar = hash.data();
  scalar[0] &= 0xf8;
  scalar[31] = static_cast<std::uint8_t>((scalar[31] & 0x3f) | 0x40);
  // Ed25519's scalar is a multiple of the cofactor 8; ristretto255 has no cofactor, and schnorrkel
  // divides it out.
  for (std::size_t i = 0; i < 32; ++i) {
    const unsigned above = i + 1 < 32 ? scalar[i + 1] : 0U;
    secret.scalar[i] = static_cast<std::uint8_t>((scalar[i] >> 3) | ((above << 5) & 0xe0U));
  }
  std::memcpy(secret.nonce.data(), hash.data() + 32, 32);
}

PublicKey public_key_of(const SecretKey& secret) {
  PublicKey key{};
  // Fails for a scalar of zero alone, which no seed expands to: bit 251 is always set.
  (void)crypto_scalarmult_ristretto255_base(key.data(), secret.scalar.data());
  return key;
}

SignatureBytes sign(const SecretKey& secret, const PublicKey& key, std::string_view message) {
  Transcript transcript = begin_transcript(key, {&message, 1});
  Wiped<64> wide;
  Wiped<32> witness;
  SignatureBytes signature{};
  do {
    transcript.witness("signing", secret.nonce, wide.span());
    crypto_core_ristretto255_scalar_reduce(witness.data(), wide.data());
  } while (crypto_scalarmult_ristretto255_base(signature.data(), witness.data()) != 0);

  const std::span commitment = std::span(signature).first<32>();
  const Scalar challenge = challenge_scalar(transcript, commitment);
  Wiped<32> product;
  crypto_core_ristretto255_scalar_mul(product.data(), challenge.data(), secret.scalar.data());
  crypto_core_ristretto255_scalar_add(signature.data() + 32, product.data(), witness.data());
  signature[63] |= kMarker;
  return signature;
}

std::shared_ptr<const KeyTable> make_table(const PublicKey& key) {
  decaf_255_point_t point;
  if (!read_key(key, point)) return nullptr;
  return std::make_shared<const KeyTable>(point);
}

std::optional<Point> commitment_of(const PublicKey& key, const Scalar& s, const Scalar& c) {
  decaf_255_scalar_t response;
  decaf_255_scalar_t challenge;
  decaf_255_point_t point;
  // libdecaf 1.0.2 takes sB + 0A for the identity, so zero must not come through.
  if (!read_scalar(s, response) || !read_scalar(c, challenge) || !read_key(key, point)) {
    return std::nullopt;
  }
  decaf_255_scalar_sub(challenge, decaf_255_scalar_zero, challenge);
  decaf_255_base_double_scalarmul_non_secret(point, response, point, challenge);
  return encode(point);
}

std::optional<Point> commitment_of(const KeyTable& key, const Scalar& s, const Scalar& c) {
  decaf_255_scalar_t response;
  decaf_255_scalar_t challenge;
  if (!read_scalar(s, response) || !read_scalar(c, challenge)) return std::nullopt;
  decaf_255_point_t base;
  decaf_255_point_t point;
  decaf_255_precomputed_scalarmul(base, decaf_255_precomputed_base, response);
  decaf_255_precomputed_scalarmul(point, key.get(), challenge);
  decaf_255_point_sub(point, base, point);
  return encode(point);
}

bool verify(const PublicKey& key, std::span<const std::string_view> parts,
            const SignatureBytes& signature, const KeyTable* table) {
  if ((signature[63] & kMarker) == 0) return false;
  Scalar s;
  std::memcpy(s.data(), signature.data() + 32, s.size());
  s[31] &= static_cast<std::uint8_t>(~kMarker);

  Transcript transcript = begin_transcript(key, parts);
  const std::span commitment = std::span(signature).first<32>();
  const Scalar challenge = challenge_scalar(transcript, commitment);
  // R itself is never decoded: encodings that libdecaf writes are canonical, so equal bytes are
  // equal points, and a non-canonical R equals none.
  const auto expected =
      table != nullptr ? commitment_of(*table, s, challenge) : commitment_of(key, s, challenge);
  return expected && std::memcmp(expected->data(), commitment.data(), expected->size()) == 0;
}

bool verify_maybe_wrapped(const PublicKey& key, std::string_view message,
                          const SignatureBytes& signature, const KeyTable* table) {
  const std::array<std::string_view, 3> wrapped = {kWrapBegin, message, kWrapEnd};
  return verify(key, {&message, 1}, signature, table) || verify(key, wrapped, signature, table);
}

}  // namespace dojo::wire::sr25519
