// What all reactors of one server share: its limits, counts and phase.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/address.hpp"
#include "net/server.hpp"

namespace dojo::net {

/// A share of one of the server's totals, given back when it goes. Move-only; the total must
/// outlive it.
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

/// How many connections each caller has, counted by IpAddress::owner(). Any thread.
class CallerCounts {
 public:
  /// One connection more. @return false if that is more than `limit`; it is counted all the same
  bool add(const IpAddress::Bytes& owner, std::size_t limit);
  void remove(const IpAddress::Bytes& owner);

 private:
  struct Hash {
    std::size_t operator()(const IpAddress::Bytes& bytes) const {
      return std::hash<std::string_view>{}(
          {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
  };
  std::mutex mutex_;
  std::unordered_map<IpAddress::Bytes, std::size_t, Hash> counts_;
};

class Shared {
 public:
  enum class Phase { serving, draining, stopped };

  Shared(const Limits& its_limits, std::vector<Network> its_proxies, Handler& its_handler)
      : limits(its_limits), proxies(std::move(its_proxies)), handler(its_handler) {}

  const Limits limits;
  const std::vector<Network> proxies;
  Handler& handler;
  Counters counters;
  CallerCounts callers;

  /// Asks the handler, and counts whom it does not welcome.
  [[nodiscard]] bool welcomes(const IpAddress& caller);
  [[nodiscard]] Phase phase() const { return phase_.load(std::memory_order_acquire); }
  /// Phases only go forward.
  void advance_to(Phase phase);
  /// A reactor has done what the draining phase asks of it.
  void phase_followed();
  void connection_closed();
  /// Waits until so many reactors drain and no connection is open. @return false if some are at
  /// `deadline`
  bool wait_until_empty(std::chrono::steady_clock::time_point deadline, std::size_t reactors);

 private:
  std::atomic<Phase> phase_{Phase::serving};
  std::mutex mutex_;
  std::condition_variable empty_;
  std::size_t following_ = 0;  // reactors; guarded by mutex_
};

}  // namespace dojo::net
