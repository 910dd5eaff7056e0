// What all reactors of one server share: its limits, counts and phase.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/budget.hpp"
#include "net/server.hpp"

namespace dojo::net {

class Shared {
 public:
  enum class Phase { serving, draining, stopped };

  Shared(const Limits& its_limits, std::vector<base::Network> its_proxies, Handler& its_handler)
      : limits(its_limits),
        proxies(std::move(its_proxies)),
        handler(its_handler),
        budgets(its_limits) {}

  const Limits limits;
  const std::vector<base::Network> proxies;
  Handler& handler;
  Counters counters;
  base::Accounts accounts;  // of addresses and hotkeys
  Budgets budgets;

  /// Asks the handler, and counts whom it does not welcome.
  [[nodiscard]] bool welcomes(const base::IpAddress& caller);
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
