// Merlin transcripts (https://merlin.cool) over STROBE-128 (https://strobe.sourceforge.io/specs,
// v1.0.2) and Keccak-f[1600] (FIPS 202 §3): what schnorrkel hashes its messages with. No heap,
// nothing branches on data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace dojo::wire {

/// 5 × 5 lanes, lane (x, y) at x + 5y.
using KeccakState = std::array<std::uint64_t, 25>;

void keccak_f1600(KeccakState& state);

/// The four STROBE operations that Merlin uses, at 128-bit security.
class Strobe128 {
 public:
  explicit Strobe128(std::string_view protocol);

  /// `more` goes on with the operation before, as if both texts had been one.
  void meta_ad(std::string_view bytes, bool more = false);
  void ad(std::string_view bytes, bool more = false);
  void key(std::span<const std::uint8_t> bytes);
  void prf(std::span<std::uint8_t> out);

 private:
  void begin(std::uint8_t flags);
  void run_f();
  void absorb(std::string_view bytes);
  std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(state_.data()); }

  KeccakState state_{};
  std::uint8_t position_ = 0;
  std::uint8_t begin_ =
      0;  ///< where the current operation began in this block, plus one; 0 if in an earlier block
};

/// A value: copying one forks the transcript. Not thread-safe, but copies of a const one are.
class Transcript {
 public:
  explicit Transcript(std::string_view label);

  void append(std::string_view label, std::string_view message);
  void append(std::string_view label, std::span<const std::uint8_t> message);

  /// The concatenation of `parts` as one message. @param parts together below 4 GiB, Merlin's
  /// limit.
  void append(std::string_view label, std::span<const std::string_view> parts);

  /// Bytes that depend on all that was appended.
  void challenge(std::string_view label, std::span<std::uint8_t> out);

  /// Secret bytes that depend on all that was appended, on `secret` and on fresh randomness of the
  /// operating system's: unpredictable if either of the two is (Merlin's TranscriptRng). Leaves the
  /// transcript as it was.
  void witness(std::string_view label, std::span<const std::uint8_t> secret,
               std::span<std::uint8_t> out) const;

 private:
  Strobe128 strobe_;
};

}  // namespace dojo::wire
