// Which proofs have been seen: a set that forgets by age, within a fixed budget.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace dojo::policy {

/// 16 bytes that name what was seen. Evenly spread, and not to be foretold: a keyed hash.
using ReplayKey = std::array<std::uint8_t, 16>;

/// Remembers keys, each with a time, until it is told to forget what is older. O(1); sharded, so
/// that threads seldom meet. Takes memory as it fills, and never more than its budget; beyond that
/// the oldest key makes room, and that is counted. Any thread.
class ReplayStore {
 public:
  /// @param budget bytes at most; 28 a key
  explicit ReplayStore(std::size_t budget);

  /// @return true if the key is remembered. Spares the dear checks of what will be refused anyway.
  [[nodiscard]] bool contains(const ReplayKey& key) const;

  /// Remembers a key. @param time what its age is counted from @param before as for forget(), for
  /// the part of the store that the key is in
  /// @return false if it was there already: exactly one of several threads gets true.
  bool insert(const ReplayKey& key, std::chrono::sys_seconds time,
              std::chrono::sys_seconds before = {});

  /// Forgets keys whose time is earlier, in the order in which they came: one that came after a
  /// later one stays until that goes.
  void forget(std::chrono::sys_seconds before);

  /// The latest time of any key that has been forgotten for its age; the epoch if there was none.
  /// What was seen up to then may not be known any more.
  [[nodiscard]] std::chrono::sys_seconds forgotten() const;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return kShards * shard_capacity_; }  ///< keys
  [[nodiscard]] std::size_t bytes() const;  ///< taken so far
  /// Keys that were forgotten before their time. Not 0: the budget is too small for the load.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  using Index = std::uint32_t;  // in a ring
  struct Entry {
    ReplayKey key;
    std::uint32_t time;  // seconds
    Index next;          // of the same bucket, older
  };
  static constexpr std::size_t kEntryBytes = sizeof(Entry) + sizeof(Index);
  static constexpr std::size_t kShards = 64;

  /// A ring in order of insertion, and chains through it by hash. Always as many buckets as places.
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::vector<Entry> ring;
    std::vector<Index> buckets;
    std::size_t first = 0;
    std::size_t count = 0;
    [[nodiscard]] Index& bucket(const ReplayKey& key);
    [[nodiscard]] bool contains(const ReplayKey& key) const;
    void link(Index index);
    void drop_oldest();
    void grow(std::size_t places);
  };

  Shard& shard_of(const ReplayKey& key) { return shards_[key[0] % kShards]; }
  [[nodiscard]] const Shard& shard_of(const ReplayKey& key) const {
    return shards_[key[0] % kShards];
  }
  void forget(Shard& shard, std::uint32_t before);
  void make_room(Shard& shard);

  std::size_t shard_capacity_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> evicted_{0};
  std::atomic<std::uint32_t> forgotten_{0};
};

}  // namespace dojo::policy
