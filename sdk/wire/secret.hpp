// Memory for secrets: short-lived ones are wiped when they go out of scope, long-lived ones also
// live in guarded pages.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <type_traits>

#include <sodium.h>

namespace dojo::wire {

/// Makes libsodium ready (once a process, any thread). @throws std::runtime_error if the system
/// gives no randomness.
inline void require_sodium() {
  static const int kState = sodium_init();
  if (kState < 0) throw std::runtime_error("libsodium cannot start: no source of randomness");
}

/// N secret bytes on the stack, wiped at the end of their life. Copies are secrets of their own.
template <std::size_t N>
class Wiped {
 public:
  Wiped() = default;
  Wiped(const Wiped&) = default;
  Wiped& operator=(const Wiped&) = default;
  ~Wiped() { sodium_memzero(bytes_.data(), N); }

  std::uint8_t* data() { return bytes_.data(); }
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  std::span<std::uint8_t, N> span() { return bytes_; }
  [[nodiscard]] std::span<const std::uint8_t, N> span() const { return bytes_; }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

struct SodiumFree {
  void operator()(void* memory) const { sodium_free(memory); }  // wipes first
};

/// A trivial T in pages of its own: locked into memory, between guard pages, wiped when freed.
template <class T>
using Guarded = std::unique_ptr<T, SodiumFree>;

template <class T>
Guarded<T> make_guarded() {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
  require_sodium();
  void* memory = sodium_malloc(sizeof(T));
  if (memory == nullptr) throw std::bad_alloc();
  return Guarded<T>(::new (memory) T{});
}

}  // namespace dojo::wire
