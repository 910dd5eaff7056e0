#include "request/in_flight.hpp"

#include <cassert>
#include <utility>

namespace dojo::request {
namespace {

constexpr unsigned kIndexBits = 24;

std::size_t index_of(dojo_request_id id) {
  return id & ((1u << kIndexBits) - 1);
}

}  // namespace

InFlight::InFlight(std::size_t capacity) : slots_(capacity) {
  assert(capacity <= std::size_t{1} << kIndexBits);
  free_.reserve(capacity);
  for (std::size_t i = capacity; i > 0; --i) free_.push_back(static_cast<std::uint32_t>(i - 1));
}

bool InFlight::open(Exchange& exchange) {
  std::uint32_t index = 0;
  {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return false;
    index = free_.back();
    free_.pop_back();
  }
  ++waiting_;
  auto& slot = slots_[index];
  const std::lock_guard lock(slot.mutex);
  exchange.id = slot.generation << kIndexBits | index;
  slot.exchange = ExchangePtr(&exchange);
  return true;
}

ExchangePtr InFlight::find(dojo_request_id id) {
  const auto index = index_of(id);
  if (index >= slots_.size()) return nullptr;
  auto& slot = slots_[index];
  const std::lock_guard lock(slot.mutex);
  return slot.generation == id >> kIndexBits ? slot.exchange : nullptr;
}

void InFlight::close(const Exchange& exchange) {
  const auto index = index_of(exchange.id);
  auto& slot = slots_[index];
  ExchangePtr gone;  // after the lock
  {
    const std::lock_guard lock(slot.mutex);
    assert(slot.exchange.get() == &exchange);
    gone = std::exchange(slot.exchange, nullptr);
    ++slot.generation;
  }
  const std::lock_guard lock(mutex_);
  free_.push_back(static_cast<std::uint32_t>(index));
}

void InFlight::answered() {
  if (--waiting_ != 0 || !awaited_) return;
  const std::lock_guard lock(mutex_);  // who waits is not between its look and its sleep
  answered_.notify_all();
}

bool InFlight::wait_until_answered(std::chrono::steady_clock::time_point limit) {
  awaited_ = true;
  std::unique_lock lock(mutex_);
  return answered_.wait_until(lock, limit, [this] { return waiting_ == 0; });
}

std::size_t InFlight::size() const {
  const std::lock_guard lock(mutex_);
  return slots_.size() - free_.size();
}

}  // namespace dojo::request
