// The requests between admission and answer, by the ids that plugins know them by.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <dojo/plugin.h>

#include "request/exchange.hpp"

namespace dojo::request {

/// A fixed number of slots, 2^24 at most. An id is a slot (24 bits) and its generation count (40
/// bits), so an id of the past is known as such. Any thread.
class InFlight {
 public:
  explicit InFlight(std::size_t capacity);

  /// Gives an exchange a slot, and its id. @return false if there is none for its caller
  bool open(Exchange& exchange);
  /// @return the exchange of that id, null if it is over
  [[nodiscard]] ExchangePtr find(dojo_request_id id);
  /// Finds one, and frees its slot if `ends(Exchange&)` has made it over.
  /// @return the exchange, null if it is over or has not been ended
  template <class Ends>
  [[nodiscard]] ExchangePtr take(dojo_request_id id, Ends ends) {
    auto* const slot = slot_of(id);
    if (slot == nullptr) return nullptr;
    auto& shard = shard_of(*slot);
    const std::lock_guard lock(shard.mutex);
    if (!is_open(*slot, id) || !ends(*slot->exchange)) return nullptr;
    return free(shard, *slot);
  }
  /// Frees the slot of one that is over. For who has made it so, once.
  void close(const Exchange& exchange);
  /// One of those with a slot has been answered, and nobody waits for it any more. Once for each.
  void answered();

  /// Calls `visit(Exchange&)` for each of a crew's that has a slot. Needs no memory.
  template <class Visit>
  void for_each_of(const Crew& crew, Visit visit) {
    for (auto& slot : slots_) {
      ExchangePtr exchange;
      {
        const std::lock_guard lock(shard_of(slot).mutex);
        if (slot.exchange && slot.exchange->route.crew.get() == &crew) exchange = slot.exchange;
      }
      if (exchange) visit(*exchange);
    }
  }
  /// Blocks until every one is answered, or until `limit`. @return whether every one is
  bool wait_until_answered(std::chrono::steady_clock::time_point limit);
  [[nodiscard]] const base::Budget& budget() const { return budget_; }
  /// How many have a slot, answered or not.
  [[nodiscard]] std::size_t size() const { return budget_.held(); }

 private:
  static constexpr std::size_t kShards = 16;
  struct Slot {  // all of it under its shard's mutex
    std::uint64_t generation = 1;
    ExchangePtr exchange;  // null: it is free
  };
  /// Every sixteenth slot, so that threads rarely meet.
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::vector<std::uint32_t> free{};  // slots
  };
  [[nodiscard]] std::size_t index_of(const Slot& slot) const {
    return static_cast<std::size_t>(&slot - slots_.data());
  }
  [[nodiscard]] Shard& shard_of(const Slot& slot) { return shards_[index_of(slot) % kShards]; }
  /// @return null for what is no id
  [[nodiscard]] Slot* slot_of(dojo_request_id id);
  [[nodiscard]] static bool is_open(const Slot& slot, dojo_request_id id);
  /// @param shard locked @return what was in it
  ExchangePtr free(Shard& shard, Slot& slot);

  base::Budget budget_;
  std::vector<Slot> slots_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::size_t> next_{0};     // the shard to look in first
  std::atomic<std::size_t> waiting_{0};  // those with a slot that are not answered
  std::atomic<bool> awaited_{false};     // somebody waits for the last of them
  std::mutex mutex_;                     // of who waits so; taken alone
  std::condition_variable answered_;
};

}  // namespace dojo::request
