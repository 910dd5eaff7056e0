#include "scarce_memory.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string_view>

#include <sys/prctl.h>

namespace {

constexpr int kOff = -1;
constexpr std::size_t kNameSize = 16;
std::atomic<int> left{kOff};  // allocations until the one that fails
std::atomic<bool> failed{false};

bool is_clients_thread() {
  std::array<char, kNameSize> name{};
  prctl(PR_GET_NAME, name.data());
  return std::string_view(name.data()).starts_with("client-");
}

bool fails_now() {
  if (left < 0 || !is_clients_thread() || left.fetch_sub(1) != 0) return false;
  failed = true;
  return true;
}

}  // namespace

// All forms, so that none of a sanitizer's own meets one of these.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return fails_now() ? nullptr : std::malloc(size == 0 ? 1 : size);
}

void* operator new(std::size_t size) {
  void* memory = operator new(size, std::nothrow);
  if (!memory) throw std::bad_alloc();
  return memory;
}

void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return operator new(size, std::nothrow);
}

void* operator new[](std::size_t size) {
  return operator new(size);
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

void operator delete[](void* memory) noexcept {
  std::free(memory);
}

void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace dojo::testing {

void fail_allocation(int nth) {
  failed = false;
  left = nth;
}

bool allocation_failed() {
  left = kOff;
  return failed;
}

}  // namespace dojo::testing
