// A share of a budget.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace dojo::net {

/// So much of a total that many share, given back when it goes. Move-only; the total must outlive
/// it.
class Charge {
 public:
  Charge() = default;
  explicit Charge(std::atomic<std::uint64_t>& total) : total_(&total) {}
  Charge(Charge&& other) noexcept
      : total_(other.total_), amount_(std::exchange(other.amount_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    if (this != &other) {
      release();
      total_ = other.total_;
      amount_ = std::exchange(other.amount_, 0);
    }
    return *this;
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge() { release(); }

  /// Makes the share this large. @return false if the total is then above `limit`
  bool resize(std::uint64_t amount, std::uint64_t limit) {
    if (amount == amount_) return true;
    const std::uint64_t change = amount - amount_;  // modulo 2^64, as is the sum
    amount_ = amount;
    return total_->fetch_add(change, std::memory_order_relaxed) + change <= limit;
  }
  void release() {
    if (amount_ > 0) total_->fetch_sub(std::exchange(amount_, 0), std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t>* total_ = nullptr;
  std::uint64_t amount_ = 0;
};

}  // namespace dojo::net
