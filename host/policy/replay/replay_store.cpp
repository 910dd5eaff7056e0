#include "policy/replay/replay_store.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace dojo::policy {
namespace {

constexpr std::size_t kFirstPlaces = 16;
constexpr std::size_t kMostPlaces = std::size_t{1} << 30;
constexpr std::size_t kOfAHolderAndItsKey = 2;
constexpr std::size_t kPartOfUnregistered = 4;
constexpr int kSwept = 4;    // places that are looked at for their age at each insertion
constexpr int kGivenUp = 2;  // that a holder over its share gives up at most: one more than it adds

/// Seconds of 1970 to 2106, which is all that a place has room for.
std::uint32_t to_seconds(std::chrono::sys_seconds time) {
  constexpr std::int64_t kLast = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(time.time_since_epoch().count(), 0, kLast));
}

/// Which of `buckets` a key is in. The shard was chosen by the first byte.
std::size_t bucket(const ReplayKey& key, std::size_t buckets) {
  std::uint32_t hash = 0;
  std::memcpy(&hash, key.data() + 8, sizeof hash);
  return (std::uint64_t{hash} * buckets) >> 32;
}

std::size_t bucket(HolderId id, std::size_t buckets) {
  return ((id >> 32) * buckets) >> 32;
}

}  // namespace

// ---- a shard's places

ReplayStore::Index& ReplayStore::Shard::bucket_of(const Place& place) {
  return buckets[place.owner == kHolder ? bucket(place.holder.id, buckets.size())
                                        : bucket(place.key, buckets.size())];
}

ReplayStore::Index ReplayStore::Shard::find(const ReplayKey& key) const {
  if (buckets.empty()) return kNone;
  auto at = buckets[bucket(key, buckets.size())];
  while (at != kNone && (places[at].owner == kHolder || places[at].key != key))
    at = places[at].next;
  return at;
}

ReplayStore::Index ReplayStore::Shard::find(HolderId id) const {
  if (buckets.empty()) return kNone;
  auto at = buckets[bucket(id, buckets.size())];
  while (at != kNone && (places[at].owner != kHolder || places[at].holder.id != id)) {
    at = places[at].next;
  }
  return at;
}

/// @param most places that there may ever be, more than are used
ReplayStore::Index ReplayStore::Shard::take(std::size_t most) {
  ++used;
  if (free != kNone) return std::exchange(free, places[free].next);
  if (untouched == places.size()) grow(std::min(std::max(kFirstPlaces, 2 * places.size()), most));
  return untouched++;
}

void ReplayStore::Shard::link(Index index) {
  places[index].next = std::exchange(bucket_of(places[index]), index);
}

void ReplayStore::Shard::release(Index index) {
  auto* at = &bucket_of(places[index]);
  while (*at != index) at = &places[*at].next;
  *at = places[index].next;
  places[index].owner = kFree;
  places[index].next = std::exchange(free, index);
  --used;
}

void ReplayStore::Shard::grow(std::size_t wanted) {
  places.reserve(wanted);
  places.resize(wanted);
  buckets.clear();
  buckets.reserve(wanted);
  buckets.resize(wanted, kNone);
  for (Index at = 0; at < untouched; ++at) link(at);  // it grows when none is free
}

void ReplayStore::Shard::drop_oldest(Index holder) {
  auto& its = places[holder].holder;
  const auto oldest = its.oldest;
  its.oldest = places[oldest].link;
  --its.count;
  if (its.registered == 0) --unregistered;
  release(oldest);
}

/// The holder of the key at the next place, going round; kNone: there is no key.
ReplayStore::Index ReplayStore::Shard::next_owner(Index& at) const {
  at = at + 1 < untouched ? at + 1 : 0;
  const auto owner = places[at].owner;
  return owner == kHolder || owner == kFree ? kNone : owner;
}

// ---- all of them

ReplayStore::ReplayStore(std::size_t budget, bool timed)
    : timed_(timed),
      shard_places_(std::clamp(budget / kShards / kPlaceBytes, kOfAHolderAndItsKey, kMostPlaces)),
      unregistered_places_(std::max(shard_places_ / kPartOfUnregistered, kOfAHolderAndItsKey)) {}

Seen ReplayStore::look(const ReplayName& name, std::chrono::sys_seconds time) const {
  const auto& shard = shard_of(name.key);
  const std::lock_guard lock(shard.mutex);
  if (shard.find(name.key) != kNone) return Seen::known;
  if (!timed_) return Seen::fresh;
  const auto holder = shard.find(name.holder);
  const bool given_up = holder != kNone && to_seconds(time) <= shard.places[holder].time;
  return given_up ? Seen::given_up : Seen::fresh;
}

bool ReplayStore::needs(const ReplayRecord& record) const {
  const auto& shard = shard_of(record.key);
  const std::lock_guard lock(shard.mutex);
  const auto at = shard.find(record.key);
  if (at == kNone) return false;
  return timed_ || shard.places[shard.places[at].owner].time == 0;
}

ReplayStore::Inserted ReplayStore::insert(const ReplayRecord& record,
                                          std::chrono::sys_seconds before,
                                          std::chrono::sys_seconds changed) {
  auto& shard = shard_of(record.key);
  const auto time = to_seconds(record.time);
  Inserted done;
  const std::lock_guard lock(shard.mutex);
  sweep(shard, to_seconds(before));
  auto holder = shard.find(record.holder);
  if (holder != kNone) forget_of(shard, holder, to_seconds(before));
  const auto given_up = this->given_up(shard, holder, record.registered, to_seconds(changed));
  if (shard.find(record.key) != kNone) {
    done.seen = Seen::known;
  } else if (timed_ && time <= given_up) {
    done.seen = Seen::given_up;
  }
  if (done.seen != Seen::fresh) {
    if (holder != kNone && shard.places[holder].holder.count == 0) end(shard, holder);
    return done;
  }
  if (holder == kNone) {
    while (room(shard, record.registered) < kOfAHolderAndItsKey) {
      crowd_out(shard, record.registered, done);
    }
    holder = begin(shard, record, given_up);
  } else {
    enrol(shard, holder, record.registered);
    make_room_beyond_share(shard, holder, done);
  }
  const auto at = shard.take(shard_places_);
  auto& its = shard.places[holder];
  auto& place = shard.places[at];
  place.key = record.key;
  place.time = time;
  place.owner = holder;
  shard.link(at);
  if (its.holder.count == 0) {
    its.holder.oldest = at;
  } else {
    shard.places[its.link].link = at;
  }
  its.link = at;
  ++its.holder.count;
  if (!record.registered) ++shard.unregistered;
  ++size_;
  return done;
}

/// Up to which time a holder gave up keys in this shard. Of one that is not kept it is what those
/// did who are not: it may be one of them. It may also have been among the others, but only by
/// messages from before that changed.
ReplayStore::Seconds ReplayStore::given_up(const Shard& shard, Index holder, bool registered,
                                           Seconds changed) const {
  if (holder != kNone) return shard.places[holder].time;
  const auto of = static_cast<std::size_t>(registered);
  return std::max(shard.given_up[of], std::min(shard.given_up[1 - of], changed));
}

/// Places that are free for keys of that kind of holders.
std::size_t ReplayStore::room(const Shard& shard, bool registered) const {
  const auto free = shard_places_ - shard.used;
  if (registered) return free;
  return std::min(free, unregistered_places_ - std::min(shard.unregistered, unregistered_places_));
}

ReplayStore::Index ReplayStore::begin(Shard& shard, const ReplayRecord& record, Seconds given_up) {
  const auto at = shard.take(shard_places_);
  auto& place = shard.places[at];
  place.holder = {record.holder, 0, record.registered ? 1U : 0U, kNone};
  place.time = given_up;
  place.link = kNone;
  place.owner = kHolder;
  if (!record.registered) ++shard.unregistered;
  shard.link(at);
  return at;
}

/// It has no keys any more.
void ReplayStore::end(Shard& shard, Index holder) const {
  const auto& place = shard.places[holder];
  if (place.holder.registered == 0) --shard.unregistered;
  auto& given_up = shard.given_up[place.holder.registered];
  if (timed_) given_up = std::max(given_up, place.time);
  shard.release(holder);
}

void ReplayStore::enrol(Shard& shard, Index holder, bool registered) const {
  auto& its = shard.places[holder].holder;
  if ((its.registered != 0) == registered) return;
  its.registered = registered ? 1 : 0;
  const auto places = std::size_t{its.count} + 1;
  shard.unregistered = registered ? shard.unregistered - places : shard.unregistered + places;
}

/// A holder that came late gets its share because who had it gives up more than it adds.
void ReplayStore::make_room_beyond_share(Shard& shard, Index holder, Inserted& done) {
  const auto& its = shard.places[holder].holder;
  const bool registered = its.registered != 0;
  if (its.count == 0) {  // it is owed one
    while (room(shard, registered) == 0) crowd_out(shard, registered, done);
    return;
  }
  const auto share = its.id == kNobody ? shard_places_ : room(shard, registered);
  if (its.count < share && room(shard, registered) > 0) return;
  for (int i = 0; i < kGivenUp && its.count > 0; ++i) {
    if (i > 0 && its.count <= room(shard, registered)) return;
    give_up_oldest(shard, holder);
    ++done.own;
  }
}

/// The hand goes round over all keys: the holder of the one that it comes to gives up its oldest.
/// There must be one: no holder is without but the one that room is made for.
void ReplayStore::crowd_out(Shard& shard, bool registered, Inserted& done) {
  const bool among_all = registered || shard.unregistered < kOfAHolderAndItsKey;
  auto holder = kNone;
  do {
    holder = shard.next_owner(shard.hand);
  } while (holder == kNone || (!among_all && shard.places[holder].holder.registered != 0));
  give_up_oldest(shard, holder);
  if (shard.places[holder].holder.count == 0) end(shard, holder);
  ++crowded_out_;
  ++done.others;
}

void ReplayStore::give_up_oldest(Shard& shard, Index holder) {
  auto& place = shard.places[holder];
  const auto time = shard.places[place.holder.oldest].time;
  place.time = std::max(place.time, time);
  if (place.holder.id == kNobody && timed_) raise_forgotten(time);  // it may be anybody's
  shard.drop_oldest(holder);
  --size_;
  ++evicted_;
}

// ---- forgetting by age

void ReplayStore::forget(std::chrono::sys_seconds before, std::size_t shards) {
  for (std::size_t i = 0; i < shards; ++i) {
    auto& shard = shards_[next_shard_++ % kShards];
    const std::lock_guard lock(shard.mutex);
    for (Index at = 0; at < shard.untouched; ++at) {
      if (shard.places[at].owner != kHolder) continue;
      forget_of(shard, at, to_seconds(before));
      if (shard.places[at].holder.count == 0) end(shard, at);
    }
  }
}

/// It may have no key afterwards.
void ReplayStore::forget_of(Shard& shard, Index holder, Seconds before) {
  const auto& its = shard.places[holder].holder;
  while (its.count > 0 && shard.places[its.oldest].time < before) {
    raise_forgotten(shard.places[its.oldest].time);
    shard.drop_oldest(holder);
    --size_;
  }
}

void ReplayStore::sweep(Shard& shard, Seconds before) {
  for (int i = 0; i < kSwept && shard.used > 0; ++i) {
    const auto holder = shard.next_owner(shard.swept);
    if (holder == kNone) continue;
    forget_of(shard, holder, before);
    if (shard.places[holder].holder.count == 0) end(shard, holder);
  }
}

void ReplayStore::raise_forgotten(Seconds time) {
  auto latest = forgotten_.load();
  while (latest < time && !forgotten_.compare_exchange_weak(latest, time)) {
  }
}

std::chrono::sys_seconds ReplayStore::forgotten() const {
  return std::chrono::sys_seconds(std::chrono::seconds(forgotten_.load()));
}

std::size_t ReplayStore::bytes() const {
  std::size_t total = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    total += shard.places.capacity() * sizeof(Place) + shard.buckets.capacity() * sizeof(Index);
  }
  return total;
}

}  // namespace dojo::policy
