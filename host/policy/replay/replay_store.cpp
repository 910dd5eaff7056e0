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

ReplayStore::Place& ReplayStore::Shard::bucket(const ReplayKey& key) {
  return buckets[bucket_of(key, buckets.size())];
}

bool ReplayStore::Shard::contains(const ReplayKey& key) const {
  if (count == 0) return false;
  for (Place at = buckets[bucket_of(key, buckets.size())]; at != kNone; at = ring[at].next) {
    if (ring[at].key == key) return true;
  }
  return false;
}

void ReplayStore::Shard::link(Place place) {
  auto& head = bucket(ring[place].key);
  ring[place].next = std::exchange(head, place);
}

void ReplayStore::Shard::drop_oldest() {
  const auto oldest = static_cast<Place>(first);
  Place* at = &bucket(ring[oldest].key);
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
  for (std::size_t i = 0; i < count; ++i) link(static_cast<Place>(i));
}

ReplayStore::ReplayStore(std::size_t budget)
    : shard_capacity_(std::clamp(budget / kShards / kEntryBytes, std::size_t{1}, kMostPlaces)) {}

bool ReplayStore::contains(const ReplayKey& key) const {
  const auto& place = shard(key);
  const std::lock_guard lock(place.mutex);
  return place.contains(key);
}

bool ReplayStore::insert(const ReplayKey& key, std::chrono::sys_seconds time,
                         std::chrono::sys_seconds before) {
  auto& place = shard(key);
  const std::lock_guard lock(place.mutex);
  forget(place, to_seconds(before));
  if (place.contains(key)) return false;
  make_room(place);
  const auto at = static_cast<Place>((place.first + place.count) % place.ring.size());
  place.ring[at] = {key, to_seconds(time), kNone};
  place.link(at);
  ++place.count;
  ++size_;
  return true;
}

void ReplayStore::make_room(Shard& place) {
  if (place.count < place.ring.size()) return;
  if (place.count < shard_capacity_) {
    place.grow(std::min(std::max(kFirstPlaces, 2 * place.ring.size()), shard_capacity_));
    return;
  }
  place.drop_oldest();
  --size_;
  ++evicted_;
}

void ReplayStore::forget(std::chrono::sys_seconds before) {
  for (auto& place : shards_) {
    const std::lock_guard lock(place.mutex);
    forget(place, to_seconds(before));
  }
}

void ReplayStore::forget(Shard& place, std::uint32_t before) {
  while (place.count > 0 && place.ring[place.first].time < before) {
    const auto time = place.ring[place.first].time;
    auto latest = forgotten_.load();
    while (latest < time && !forgotten_.compare_exchange_weak(latest, time)) {
    }
    place.drop_oldest();
    --size_;
  }
}

std::chrono::sys_seconds ReplayStore::forgotten() const {
  return std::chrono::sys_seconds(std::chrono::seconds(forgotten_.load()));
}

std::size_t ReplayStore::bytes() const {
  std::size_t total = 0;
  for (const auto& place : shards_) {
    const std::lock_guard lock(place.mutex);
    total += place.ring.capacity() * sizeof(Entry) + place.buckets.capacity() * sizeof(Place);
  }
  return total;
}

}  // namespace dojo::policy
