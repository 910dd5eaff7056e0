#include "request/in_flight.hpp"

#include <cassert>
#include <utility>

namespace dojo::request {
namespace {

constexpr unsigned kIndexBits = 24;

}  // namespace

InFlight::InFlight(std::size_t capacity)
    : budget_(base::Resource::slots, capacity), slots_(capacity) {
  assert(capacity <= std::size_t{1} << kIndexBits);
  for (auto& shard : shards_) shard.free.reserve(capacity / kShards + 1);
  for (std::size_t i = capacity; i-- > 0;)
    shards_[i % kShards].free.push_back(static_cast<std::uint32_t>(i));
}

bool InFlight::open(Exchange& exchange) {
  exchange.slot = {budget_, exchange.account};
  if (!exchange.slot.resize(1)) return false;
  const auto first = next_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < kShards; ++i) {
    auto& shard = shards_[(first + i) % kShards];
    const std::lock_guard lock(shard.mutex);
    if (shard.free.empty()) continue;
    const auto index = shard.free.back();
    shard.free.pop_back();
    ++waiting_;
    auto& slot = slots_[index];
    exchange.id = slot.generation << kIndexBits | index;
    slot.exchange = ExchangePtr(&exchange);
    return true;
  }
  exchange.slot.release();
  return false;
}

ExchangePtr InFlight::find(dojo_request_id id) {
  const auto* const slot = slot_of(id);
  if (slot == nullptr) return nullptr;
  const std::lock_guard lock(shard_of(*slot).mutex);
  return is_open(*slot, id) ? slot->exchange : nullptr;
}

void InFlight::close(const Exchange& exchange) {
  auto& slot = *slot_of(exchange.id);
  auto& shard = shard_of(slot);
  ExchangePtr gone;  // after the lock
  const std::lock_guard lock(shard.mutex);
  assert(slot.exchange.get() == &exchange);
  gone = free(shard, slot);
}

InFlight::Slot* InFlight::slot_of(dojo_request_id id) {
  const std::size_t index = id & ((1u << kIndexBits) - 1);
  return index < slots_.size() ? &slots_[index] : nullptr;
}

bool InFlight::is_open(const Slot& slot, dojo_request_id id) {
  return slot.exchange != nullptr && slot.generation == id >> kIndexBits;
}

ExchangePtr InFlight::free(Shard& shard, Slot& slot) {
  ++slot.generation;
  slot.exchange->slot.release();
  shard.free.push_back(static_cast<std::uint32_t>(index_of(slot)));
  return std::exchange(slot.exchange, nullptr);
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

}  // namespace dojo::request
