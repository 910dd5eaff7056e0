// The requests between admission and answer, by the ids that plugins know them by.
#pragma once

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

  /// Gives an exchange a slot, and its id. @return false if all are taken
  bool open(Exchange& exchange);
  /// @return the exchange of that id, null if it is over
  [[nodiscard]] ExchangePtr find(dojo_request_id id);
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
        const std::lock_guard lock(slot.mutex);
        if (slot.exchange && slot.exchange->route.crew.get() == &crew) exchange = slot.exchange;
      }
      if (exchange) visit(*exchange);
    }
  }
  /// Blocks until every one is answered, or until `limit`. @return whether every one is
  bool wait_until_answered(std::chrono::steady_clock::time_point limit);
  /// How many have a slot, answered or not.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Slot {
    std::mutex mutex;
    std::uint64_t generation = 1;
    ExchangePtr exchange;  // null: it is free
  };

  std::vector<Slot> slots_;
  std::atomic<std::size_t> waiting_{0};  // those with a slot that are not answered
  std::atomic<bool> awaited_{false};     // somebody waits for the last of them
  mutable std::mutex mutex_;             // taken alone
  std::vector<std::uint32_t> free_;      // guarded by mutex_
  std::condition_variable answered_;
};

}  // namespace dojo::request
