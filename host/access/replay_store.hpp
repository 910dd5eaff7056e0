// Which requests have been seen: a set with a time to live and a fixed budget.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace dojo::access {

/// Remembers keys for a time. O(1); sharded, so that threads seldom meet; bounded: when it is full,
/// the oldest key makes room, and that is counted. Any thread.
class ReplayStore {
 public:
  /// 16 bytes that name what was seen; has to be evenly spread, as a hash or a nonce is.
  using Key = std::array<std::uint8_t, 16>;
  using Clock = std::chrono::steady_clock;

  /// @param capacity keys at most, about 64 bytes each @param life how long a key is remembered
  ReplayStore(std::size_t capacity, Clock::duration life);

  /// @return true if the key is remembered. Spares the dear checks of what will be refused anyway.
  bool contains(const Key& key, Clock::time_point now = Clock::now());

  /// Remembers a key. @return false if it was there already: exactly one of several threads gets
  /// true.
  bool insert(const Key& key, Clock::time_point now = Clock::now());

  [[nodiscard]] std::size_t size() const;
  /// Keys that were forgotten before their time. Not 0: the budget is too small for the load.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_set<Key, Hash> keys;
    std::deque<std::pair<Clock::time_point, Key>> order;  // by insertion, and so by expiry
  };
  static constexpr std::size_t kShards = 16;

  Shard& shard(const Key& key) { return shards_[key[0] % kShards]; }
  static void forget_expired(Shard& shard, Clock::time_point now);
  static void forget_oldest(Shard& shard);

  std::size_t capacity_per_shard_;
  Clock::duration life_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> evicted_{0};
};

}  // namespace dojo::access
