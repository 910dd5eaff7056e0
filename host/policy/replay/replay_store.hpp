// Which proofs have been seen: a set that forgets by age, within a fixed budget that its signers
// share.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <vector>

namespace dojo::policy {

/// 16 bytes that name what was seen. Evenly spread, and not to be foretold: a keyed hash.
using ReplayKey = std::array<std::uint8_t, 16>;
/// Whose it is: a keyed hash of the hotkey.
using HolderId = std::uint64_t;
/// Of keys that were kept before it was known whose they are.
inline constexpr HolderId kNobody = 0;

struct ReplayName {
  ReplayKey key{};
  HolderId holder = kNobody;
};

struct ReplayRecord {
  ReplayKey key;
  std::chrono::sys_seconds time;  ///< that its message states; else when it came
  HolderId holder = kNobody;
  bool registered = true;  ///< whether the holder is a neuron, or nobody asks who is
};

enum class Seen : std::uint8_t {
  fresh,     ///< not at all
  known,     ///< and is remembered
  given_up,  ///< maybe: the holder had to give up keys of that time
};

/// Remembers keys, each with a time, until it is told to forget what is older. O(1); sharded, so
/// that threads seldom meet. Takes memory as it fills, and never more than its budget. Any thread.
///
/// Whoever signs holds what it has signed. A holder may have as many keys as there are places free
/// (dynamic thresholds: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
/// packet switches", 1998): of n that want all, each gets 1/(n+1), and as much stays free for
/// others. Beyond that its own oldest key makes room. Only where there is no place for a new holder
/// another one gives up its oldest, and the more it has, the more often. Holders that are not
/// registered have a quarter of all places together.
///
/// Of a holder that gave up a key, messages of that key's time and before are not fresh any more.
class ReplayStore {
 public:
  /// @param budget bytes at most; 36 a key, and again for each holder in each of 64 shards
  /// @param timed whether keys have the times of their messages
  explicit ReplayStore(std::size_t budget, bool timed = true);

  /// What is known of a key without knowing whether its holder is registered. Spares the dear
  /// checks of what will be refused anyway. @param time that its message states
  [[nodiscard]] Seen look(const ReplayName& name, std::chrono::sys_seconds time) const;

  struct Inserted {
    Seen seen = Seen::fresh;   ///< exactly one of several threads gets `fresh`
    std::uint32_t own = 0;     ///< keys that its holder gave up for it
    std::uint32_t others = 0;  ///< that others did
  };
  /// Remembers a key, unless it is not fresh.
  /// @param before as for forget(), for a few keys of the shard that it is in
  /// @param changed up to which time messages may have come of who counted as registered then, and
  /// does not now, or the other way about
  Inserted insert(const ReplayRecord& record, std::chrono::sys_seconds before = {},
                  std::chrono::sys_seconds changed = {});

  /// Forgets keys whose time is earlier, in the order in which each holder's came: one that came
  /// after a later one stays until that goes.
  /// @param shards how many of them are looked through, by turns
  void forget(std::chrono::sys_seconds before, std::size_t shards = kShards);

  /// Whether a record is needed to know this key again. Where keys have no times, those of who gave
  /// some up are not: they may come again and again.
  [[nodiscard]] bool needs(const ReplayRecord& record) const;

  /// The latest time of any key that has been forgotten for its age; the epoch if there was none.
  /// What was seen up to then may not be known any more.
  [[nodiscard]] std::chrono::sys_seconds forgotten() const;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return kShards * shard_places_; }  ///< places
  [[nodiscard]] std::size_t bytes() const;                                        ///< taken so far
  /// Keys that were given up before their time.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }
  /// Those of them that went for another holder's. Not 0: there are more holders than room.
  [[nodiscard]] std::uint64_t crowded_out() const { return crowded_out_; }

  static constexpr std::size_t kShards = 64;

 private:
  using Index = std::uint32_t;  // of a place
  using Seconds = std::uint32_t;
  static constexpr Index kNone = std::numeric_limits<Index>::max();
  static constexpr Index kHolder = kNone - 1;  // what a place's `owner` says of it
  static constexpr Index kFree = kNone - 2;

  /// What is known of a holder in one shard. Those without keys are not kept.
  struct Holder {
    HolderId id;
    std::uint32_t count : 31;  // keys
    std::uint32_t registered : 1;
    Index oldest;
  };
  /// Of a key or of a holder, so that whichever is wanted gets the memory.
  struct Place {
    union {
      ReplayKey key;
      Holder holder;
    };
    Seconds time;  // of a key: its own; of a holder: the latest that it gave up
    Index next;    // of the same bucket; of a free place: another one
    Index link;    // of a key: the next younger one of its holder; of a holder: its youngest
    Index owner;   // of a key: its holder
  };
  static_assert(sizeof(Place) == 32);
  static constexpr std::size_t kPlaceBytes = sizeof(Place) + sizeof(Index);

  /// Places, and chains through them by hash. Always as many buckets as places.
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::vector<Place> places;
    std::vector<Index> buckets;
    Index free = kNone;   // of those that were used before
    Index untouched = 0;  // from there on none was
    std::size_t used = 0;
    std::size_t unregistered = 0;       // of these, by holders that are not registered
    Index swept = 0;                    // looked at by sweep() last
    Index hand = 0;                     // and by crowd_out()
    std::array<Seconds, 2> given_up{};  // by holders that are not kept: unregistered, registered

    [[nodiscard]] Index& bucket_of(const Place& place);
    [[nodiscard]] Index find(const ReplayKey& key) const;
    [[nodiscard]] Index find(HolderId id) const;
    Index take(std::size_t most);
    void link(Index index);
    void release(Index index);
    void grow(std::size_t places);
    void drop_oldest(Index holder);
    [[nodiscard]] Index next_owner(Index& at) const;
  };

  Shard& shard_of(const ReplayKey& key) { return shards_[key[0] % kShards]; }
  [[nodiscard]] const Shard& shard_of(const ReplayKey& key) const {
    return shards_[key[0] % kShards];
  }
  [[nodiscard]] Seconds given_up(const Shard& shard, Index holder, bool registered,
                                 Seconds changed) const;
  [[nodiscard]] std::size_t room(const Shard& shard, bool registered) const;
  Index begin(Shard& shard, const ReplayRecord& record, Seconds given_up);
  void end(Shard& shard, Index holder) const;
  void enrol(Shard& shard, Index holder, bool registered) const;
  void make_room_beyond_share(Shard& shard, Index holder, Inserted& done);
  void crowd_out(Shard& shard, bool registered, Inserted& done);
  void give_up_oldest(Shard& shard, Index holder);
  void forget_of(Shard& shard, Index holder, Seconds before);
  void sweep(Shard& shard, Seconds before);
  void raise_forgotten(Seconds time);

  const bool timed_;
  const std::size_t shard_places_;
  const std::size_t unregistered_places_;  // of a shard
  std::array<Shard, kShards> shards_;
  std::atomic<std::size_t> next_shard_{0};  // of forget()
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> evicted_{0};
  std::atomic<std::uint64_t> crowded_out_{0};
  std::atomic<Seconds> forgotten_{0};
};

}  // namespace dojo::policy
