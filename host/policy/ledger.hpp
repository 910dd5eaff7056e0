// Accounts of so many callers that some have to be forgotten.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policy/gcra.hpp"
#include "wire/key_hash.hpp"

namespace dojo::policy {

/// What is kept of callers, by key, for so many at most, and those that are held. O(1); sharded; of
/// more, those are forgotten first whose accounts are settled, and then who has not been seen for
/// longest. Any thread. Accounts: settled(Nanoseconds now) says whether they are as good as new.
template <class Key, class Accounts>
class Ledger {
  struct Entry;
  using Order = std::list<Entry*>;  // seen last first; those with open places are in none

 public:
  explicit Ledger(std::size_t entries)
      : shards_(std::clamp<std::size_t>(std::bit_floor(entries / 512), 1, kShards)) {
    resize(entries);
  }

  void resize(std::size_t entries) {
    for (auto& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      shard.capacity = std::max<std::size_t>(1, entries / shards_.size());
    }
  }

 private:
  struct Hashed {
    Key key;
    std::size_t hash;
    bool operator==(const Hashed& other) const { return key == other.key; }
  };
  struct ByHash {
    std::size_t operator()(const Hashed& hashed) const noexcept { return hashed.hash; }
  };
  struct Entry {
    Accounts accounts;
    const Hashed* key = nullptr;  // its own in the table
    typename Order::iterator at;  // in order, or in held
    bool held = false;
  };
  struct alignas(64) Shard {  // a cache line's own
    mutable std::mutex mutex;
    std::unordered_map<Hashed, Entry, ByHash> entries;
    Order order;
    Order held;
    std::size_t capacity = 1;
    std::uint64_t forgotten = 0;
  };

 public:
  /// A caller's accounts, or nobody's, as long as it lives.
  class Open {
   public:
    [[nodiscard]] Accounts* operator->() const { return &entry_->accounts; }
    [[nodiscard]] explicit operator bool() const { return entry_ != nullptr; }
    /// Says whether they must not be forgotten for lack of room.
    void hold(bool held) const {
      if (std::exchange(entry_->held, held) == held) return;
      auto& from = held ? shard_->order : shard_->held;
      auto& to = held ? shard_->held : shard_->order;
      to.splice(to.begin(), from, entry_->at);
    }

   private:
    friend class Ledger;
    std::unique_lock<std::mutex> lock_;
    Shard* shard_ = nullptr;
    Entry* entry_ = nullptr;
  };

  Open find(const Key& key) {
    const Hashed hashed{key, wire::KeyHash()(key)};
    Open open;
    open.shard_ = &shard(hashed.hash);
    open.lock_ = std::unique_lock(open.shard_->mutex);
    const auto found = open.shard_->entries.find(hashed);
    if (found != open.shard_->entries.end()) open.entry_ = &found->second;
    return open;
  }

  /// Seen now, and made if it is not there.
  Open open(const Key& key, Nanoseconds now) {
    const Hashed hashed{key, wire::KeyHash()(key)};
    Open open;
    auto& its = shard(hashed.hash);
    open.shard_ = &its;
    open.lock_ = std::unique_lock(its.mutex);
    const auto [found, is_new] = its.entries.try_emplace(hashed);
    open.entry_ = &found->second;
    if (!is_new) {
      if (!open.entry_->held) its.order.splice(its.order.begin(), its.order, open.entry_->at);
      return open;
    }
    open.entry_->key = &found->first;
    while (its.entries.size() > its.capacity && !its.order.empty()) forget_one(its, now);
    its.order.push_front(open.entry_);
    open.entry_->at = its.order.begin();
    return open;
  }

  [[nodiscard]] std::size_t size() const {
    return sum([](const Shard& shard) { return shard.entries.size(); });
  }
  [[nodiscard]] std::uint64_t forgotten() const {
    return sum([](const Shard& shard) { return shard.forgotten; });
  }

 private:
  static constexpr std::size_t kShards = 64;
  // How many of those not seen for longest are looked through for one whose account is settled.
  static constexpr int kLooked = 8;

  // The table takes the other end of the hash.
  Shard& shard(std::size_t hash) { return shards_[(hash >> 56) & (shards_.size() - 1)]; }

  static void forget_one(Shard& shard, Nanoseconds now) {
    auto victim = std::prev(shard.order.end());
    auto looked = victim;
    for (int i = 0; i < kLooked; ++i) {
      if ((*looked)->accounts.settled(now)) {
        victim = looked;
        break;
      }
      if (looked == shard.order.begin()) break;
      --looked;
    }
    if (!(*victim)->accounts.settled(now)) ++shard.forgotten;
    const auto& key = *(*victim)->key;
    shard.order.erase(victim);
    shard.entries.erase(shard.entries.find(key));
  }

  template <class Of>
  [[nodiscard]] std::uint64_t sum(Of of) const {
    std::uint64_t total = 0;
    for (const auto& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      total += of(shard);
    }
    return total;
  }

  std::vector<Shard> shards_;
};

}  // namespace dojo::policy
