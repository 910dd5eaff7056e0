#include "policy/replay/replay_store.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace dojo::policy {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kFirstPlaces = 16;
constexpr std::size_t kMostPlaces = std::size_t{1} << 30;

/// Seconds of 1970 to 2106, which is all that an entry has room for.
std::uint32_t to_seconds(std::chrono::sys_seconds time) {
  constexpr std::int64_t kLast = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(time.time_since_epoch().count(), 0, kLast));
}

/// Which of `buckets` a key is in. The shard was chosen by the first byte.
std::size_t bucket_of(const ReplayKey& key, std::size_t buckets) {
  std::uint32_t hash = 0;
  std::memcpy(&hash, key.data() + 8, sizeof hash);
  return (std::uint64_t{hash} * buckets) >> 32;
}

}  // namespace

ReplayStore::Index& ReplayStore::Shard::bucket(const ReplayKey& key) {
  return buckets[bucket_of(key, buckets.size())];
}

bool ReplayStore::Shard::contains(const ReplayKey& key) const {
  if (count == 0) return false;
  for (Index at = buckets[bucket_of(key, buckets.size())]; at != kNone; at = ring[at].next) {
    if (ring[at].key == key) return true;
  }
  return false;
}

void ReplayStore::Shard::link(Index index) {
  auto& head = bucket(ring[index].key);
  ring[index].next = std::exchange(head, index);
}

void ReplayStore::Shard::drop_oldest() {
  const auto oldest = static_cast<Index>(first);
  Index* at = &bucket(ring[oldest].key);
  while (*at != oldest) at = &ring[*at].next;
  *at = kNone;  // it was the end of its chain, which goes from young to old
  first = (first + 1) % ring.size();
  --count;
}

void ReplayStore::Shard::grow(std::size_t places) {
  std::vector<Entry> wider(places);
  for (std::size_t i = 0; i < count; ++i) wider[i] = ring[(first + i) % ring.size()];
  ring = std::move(wider);
  buckets.assign(places, kNone);
  first = 0;
  for (std::size_t i = 0; i < count; ++i) link(static_cast<Index>(i));
}

ReplayStore::ReplayStore(std::size_t budget)
    : shard_capacity_(std::clamp(budget / kShards / kEntryBytes, std::size_t{1}, kMostPlaces)) {}

bool ReplayStore::contains(const ReplayKey& key) const {
  const auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  return shard.contains(key);
}

bool ReplayStore::insert(const ReplayKey& key, std::chrono::sys_seconds time,
                         std::chrono::sys_seconds before) {
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  forget(shard, to_seconds(before));
  if (shard.contains(key)) return false;
  make_room(shard);
  const auto at = static_cast<Index>((shard.first + shard.count) % shard.ring.size());
  shard.ring[at] = {key, to_seconds(time), kNone};
  shard.link(at);
  ++shard.count;
  ++size_;
  return true;
}

void ReplayStore::make_room(Shard& shard) {
  if (shard.count < shard.ring.size()) return;
  if (shard.count < shard_capacity_) {
    shard.grow(std::min(std::max(kFirstPlaces, 2 * shard.ring.size()), shard_capacity_));
    return;
  }
  shard.drop_oldest();
  --size_;
  ++evicted_;
}

void ReplayStore::forget(std::chrono::sys_seconds before) {
  for (auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    forget(shard, to_seconds(before));
  }
}

void ReplayStore::forget(Shard& shard, std::uint32_t before) {
  while (shard.count > 0 && shard.ring[shard.first].time < before) {
    const auto time = shard.ring[shard.first].time;
    auto latest = forgotten_.load();
    while (latest < time && !forgotten_.compare_exchange_weak(latest, time)) {
    }
    shard.drop_oldest();
    --size_;
  }
}

std::chrono::sys_seconds ReplayStore::forgotten() const {
  return std::chrono::sys_seconds(std::chrono::seconds(forgotten_.load()));
}

std::size_t ReplayStore::bytes() const {
  std::size_t total = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    total += shard.ring.capacity() * sizeof(Entry) + shard.buckets.capacity() * sizeof(Index);
  }
  return total;
}

}  // namespace dojo::policy
