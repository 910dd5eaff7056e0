// Which numbers of a count have been used: exactly for the latest, and as used for all before.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace dojo::policy {

/// A sliding window, as of RFC 4303 (3.4.3, appendix A2). Numbers within it may come in any order,
/// each once. For one thread at a time.
class CountWindow {
 public:
  static constexpr std::uint64_t kSize = 1'024;

  /// Uses a number, from 1. @return false if it has been used, or is kSize or more below the
  /// highest that was
  bool take(std::uint64_t number) {
    if (number > highest_) {
      make_room(number);
    } else if (highest_ - number >= kSize) {
      return false;
    }
    auto& word = used_[number % kSize / kBits];
    const auto bit = std::uint64_t{1} << (number % kBits);
    if ((word & bit) != 0) return false;
    word |= bit;
    return true;
  }

 private:
  static constexpr std::uint64_t kBits = 64;

  void make_room(std::uint64_t highest) {
    if (highest - highest_ >= kSize) {
      used_.fill(0);
    } else {
      for (auto number = highest_ + 1; number <= highest; ++number) {
        used_[number % kSize / kBits] &= ~(std::uint64_t{1} << (number % kBits));
      }
    }
    highest_ = highest;
  }

  std::uint64_t highest_ = 0;
  std::array<std::uint64_t, kSize / kBits> used_{1};  // there is no number 0
};

}  // namespace dojo::policy
