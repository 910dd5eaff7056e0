#include "transcript.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include <sodium.h>

#include "secret.hpp"

namespace dojo::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "lanes are read and written as bytes");
static_assert(std::is_trivially_copyable_v<Strobe128>, "Transcript::witness wipes its fork");

constexpr std::array<std::uint64_t, 24> kRoundConstants = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

/// χ on one row.
inline void chi(std::uint64_t* out, std::uint64_t b0, std::uint64_t b1, std::uint64_t b2,
                std::uint64_t b3, std::uint64_t b4) {
  out[0] = b0 ^ (~b1 & b2);
  out[1] = b1 ^ (~b2 & b3);
  out[2] = b2 ^ (~b3 & b4);
  out[3] = b3 ^ (~b4 & b0);
  out[4] = b4 ^ (~b0 & b1);
}

/// θ, ρ, π, χ and ι of FIPS 202 §3.2, from `a` into `e`.
inline void keccak_round(const KeccakState& a, KeccakState& e, std::uint64_t constant) {
  using std::rotl;
  const std::uint64_t c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20];
  const std::uint64_t c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21];
  const std::uint64_t c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];
  const std::uint64_t c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23];
  const std::uint64_t c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];
  const std::uint64_t d0 = c4 ^ rotl(c1, 1);
  const std::uint64_t d1 = c0 ^ rotl(c2, 1);
  const std::uint64_t d2 = c1 ^ rotl(c3, 1);
  const std::uint64_t d3 = c2 ^ rotl(c4, 1);
  const std::uint64_t d4 = c3 ^ rotl(c0, 1);
  chi(&e[0], a[0] ^ d0, rotl(a[6] ^ d1, 44), rotl(a[12] ^ d2, 43), rotl(a[18] ^ d3, 21),
      rotl(a[24] ^ d4, 14));
  chi(&e[5], rotl(a[3] ^ d3, 28), rotl(a[9] ^ d4, 20), rotl(a[10] ^ d0, 3), rotl(a[16] ^ d1, 45),
      rotl(a[22] ^ d2, 61));
  chi(&e[10], rotl(a[1] ^ d1, 1), rotl(a[7] ^ d2, 6), rotl(a[13] ^ d3, 25), rotl(a[19] ^ d4, 8),
      rotl(a[20] ^ d0, 18));
  chi(&e[15], rotl(a[4] ^ d4, 27), rotl(a[5] ^ d0, 36), rotl(a[11] ^ d1, 10), rotl(a[17] ^ d2, 15),
      rotl(a[23] ^ d3, 56));
  chi(&e[20], rotl(a[2] ^ d2, 62), rotl(a[8] ^ d3, 55), rotl(a[14] ^ d4, 39), rotl(a[15] ^ d0, 41),
      rotl(a[21] ^ d1, 2));
  e[0] ^= constant;
}

/// STROBE's rate at 128-bit security: 200 − 128/4 bytes, less the two that its padding takes.
constexpr std::uint8_t kRate = 166;

enum Flags : std::uint8_t {
  kInbound = 1,
  kApplication = 2,
  kCipher = 4,
  kMeta = 16,
};

std::array<char, 4> little_endian(std::size_t length) {
  return std::bit_cast<std::array<char, 4>>(static_cast<std::uint32_t>(length));
}

std::string_view text(const std::array<char, 4>& bytes) {
  return {bytes.data(), bytes.size()};
}

std::string_view text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void keccak_f1600(KeccakState& state) {
  KeccakState other;
  for (std::size_t i = 0; i < kRoundConstants.size(); i += 2) {
    keccak_round(state, other, kRoundConstants[i]);
    keccak_round(other, state, kRoundConstants[i + 1]);
  }
}

Strobe128::Strobe128(std::string_view protocol) {
  constexpr std::string_view kInitial("\x01\xa8\x01\x00\x01\x60STROBEv1.0.2", 18);
  std::memcpy(bytes(), kInitial.data(), kInitial.size());
  keccak_f1600(state_);
  meta_ad(protocol);
}

void Strobe128::run_f() {
  bytes()[position_] ^= begin_;
  bytes()[position_ + 1] ^= 0x04;
  bytes()[kRate + 1] ^= 0x80;
  keccak_f1600(state_);
  position_ = 0;
  begin_ = 0;
}

void Strobe128::absorb(std::string_view input) {
  while (!input.empty()) {
    const std::size_t count = std::min<std::size_t>(kRate - position_, input.size());
    std::uint8_t* const target = bytes() + position_;
    for (std::size_t i = 0; i < count; ++i) {
      target[i] = static_cast<std::uint8_t>(target[i] ^ static_cast<std::uint8_t>(input[i]));
    }
    position_ = static_cast<std::uint8_t>(position_ + count);
    input.remove_prefix(count);
    if (position_ == kRate) run_f();
  }
}

void Strobe128::begin(std::uint8_t flags) {
  const std::array<char, 2> header = {static_cast<char>(begin_), static_cast<char>(flags)};
  begin_ = static_cast<std::uint8_t>(position_ + 1);
  absorb({header.data(), header.size()});
  if ((flags & kCipher) != 0 && position_ != 0) run_f();
}

void Strobe128::meta_ad(std::string_view input, bool more) {
  if (!more) begin(kMeta | kApplication);
  absorb(input);
}

void Strobe128::ad(std::string_view input, bool more) {
  if (!more) begin(kApplication);
  absorb(input);
}

void Strobe128::key(std::span<const std::uint8_t> input) {
  begin(kApplication | kCipher);
  for (const std::uint8_t byte : input) {
    bytes()[position_++] = byte;
    if (position_ == kRate) run_f();
  }
}

void Strobe128::prf(std::span<std::uint8_t> out) {
  begin(kInbound | kApplication | kCipher);
  for (std::uint8_t& byte : out) {
    byte = bytes()[position_];
    bytes()[position_++] = 0;
    if (position_ == kRate) run_f();
  }
}

Transcript::Transcript(std::string_view label) : strobe_("Merlin v1.0") {
  append("dom-sep", label);
}

void Transcript::append(std::string_view label, std::string_view message) {
  append(label, std::span<const std::string_view>(&message, 1));
}

void Transcript::append(std::string_view label, std::span<const std::uint8_t> message) {
  append(label, text(message));
}

void Transcript::append(std::string_view label, std::span<const std::string_view> parts) {
  std::size_t length = 0;
  for (const auto part : parts) length += part.size();
  strobe_.meta_ad(label);
  strobe_.meta_ad(text(little_endian(length)), true);
  strobe_.ad({});
  for (const auto part : parts) strobe_.ad(part, true);
}

void Transcript::challenge(std::string_view label, std::span<std::uint8_t> out) {
  strobe_.meta_ad(label);
  strobe_.meta_ad(text(little_endian(out.size())), true);
  strobe_.prf(out);
}

void Transcript::witness(std::string_view label, std::span<const std::uint8_t> secret,
                         std::span<std::uint8_t> out) const {
  Wiped<32> randomness;
  randombytes_buf(randomness.data(), randomness.span().size());
  Strobe128 fork = strobe_;
  fork.meta_ad(label);
  fork.meta_ad(text(little_endian(secret.size())), true);
  fork.key(secret);
  fork.meta_ad("rng");
  fork.key(randomness.span());
  fork.meta_ad(text(little_endian(out.size())));
  fork.prf(out);
  sodium_memzero(&fork, sizeof fork);
}

}  // namespace dojo::wire
