#include "net/shared.hpp"

namespace dojo::net {

bool Shared::welcomes(const base::IpAddress& caller) {
  if (handler.welcomes(caller)) return true;
  ++counters.shut_out;
  return false;
}

void Shared::advance_to(Phase phase) {
  Phase current = phase_.load();
  while (current < phase && !phase_.compare_exchange_weak(current, phase)) {
  }
}

void Shared::connection_closed() {
  if (counters.open.fetch_sub(1) == 1 && phase() != Phase::serving) {
    const std::lock_guard lock(mutex_);  // so that the waiter is not between its look and its sleep
    empty_.notify_all();
  }
}

void Shared::phase_followed() {
  const std::lock_guard lock(mutex_);
  ++following_;
  empty_.notify_all();
}

bool Shared::wait_until_empty(std::chrono::steady_clock::time_point deadline,
                              std::size_t reactors) {
  std::unique_lock lock(mutex_);
  return empty_.wait_until(lock, deadline,
                           [&] { return following_ >= reactors && counters.open.load() == 0; });
}

}  // namespace dojo::net
