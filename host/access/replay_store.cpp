#include "access/replay_store.hpp"

#include <algorithm>
#include <cstring>

namespace dojo::access {

ReplayStore::ReplayStore(std::size_t capacity, Clock::duration life)
    : capacity_per_shard_(std::max<std::size_t>(1, capacity / kShards)), life_(life) {}

std::size_t ReplayStore::Hash::operator()(const Key& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data() + 8, sizeof hash);  // the shard is chosen by the other half
  return hash;
}

bool ReplayStore::contains(const Key& key, Clock::time_point now) {
  auto& place = shard(key);
  const std::lock_guard lock(place.mutex);
  forget_expired(place, now);
  return place.keys.contains(key);
}

bool ReplayStore::insert(const Key& key, Clock::time_point now) {
  auto& place = shard(key);
  const std::lock_guard lock(place.mutex);
  forget_expired(place, now);
  if (!place.keys.insert(key).second) return false;
  place.order.emplace_back(now + life_, key);
  if (place.keys.size() > capacity_per_shard_) {
    forget_oldest(place);
    ++evicted_;
  }
  return true;
}

std::size_t ReplayStore::size() const {
  std::size_t total = 0;
  for (const auto& place : shards_) {
    const std::lock_guard lock(place.mutex);
    total += place.keys.size();
  }
  return total;
}

void ReplayStore::forget_expired(Shard& place, Clock::time_point now) {
  while (!place.order.empty() && place.order.front().first <= now) forget_oldest(place);
}

void ReplayStore::forget_oldest(Shard& place) {
  place.keys.erase(place.order.front().second);
  place.order.pop_front();
}

}  // namespace dojo::access
