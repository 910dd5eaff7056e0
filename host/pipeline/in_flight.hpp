// The requests between admission and answer, by id.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <dojo/plugin.h>

#include "pipeline/call.hpp"

namespace dojo::pipeline {

/// A fixed number of slots, 2^24 at most. An id is a slot (24 bits) and its generation count (40
/// bits), so an id of the past is known as such, and a second completion finds nothing. A call
/// whose deadline has passed is answered for, but stays in its slot, since the plugin may still be
/// reading its spans, until the plugin completes it. Any thread.
class InFlight {
 public:
  explicit InFlight(std::size_t capacity);

  /// Puts a call into a slot. @return its id, or nothing if all are taken; the call is left alone
  /// then.
  std::optional<dojo_request_id> open(std::unique_ptr<Call>& call);
  /// A worker takes the call up. @return the call, which stays where it is until close(); nothing
  /// if it is over already.
  Call* start(dojo_request_id id);
  /// The worker has only looked at it, and another one is to start it. @return false if it is over
  bool put_back(dojo_request_id id);
  /// The worker is done with it: from now on its plugin may close it.
  void hand_over(dojo_request_id id);
  /// Ends a call. @return it, its slot being free now. Its `waiting` is null if it was answered
  /// for; nothing if there is no such call, or if `generation` is given and the call has not been
  /// handed over to it.
  std::unique_ptr<Call> close(dojo_request_id id, const plugins::Generation* generation);
  /// True if nobody waits for the call's answer.
  bool cancelled(dojo_request_id id);
  /// The call's request id for the log, empty if it is over.
  std::string trace(dojo_request_id id);

  /// Who waited for a call, and where it stood, when it had to be answered for.
  struct Overdue {
    std::unique_ptr<Waiting> waiting;
    Terms terms;
    std::string route;
    Caller caller;
    net::IpAddress ip;
    std::string peer;  ///< the same as text
    std::shared_ptr<Crew> crew;
    bool running = false;  ///< a plugin has it
  };
  /// Takes the waiting end of every call whose deadline is not after `now`, or of as many as there
  /// is memory for. Those that no plugin has are over with that; the others keep their slot.
  std::vector<Overdue> take_overdue(std::chrono::steady_clock::time_point now);
  /// Frees the slots of calls that no plugin has and whose callers have gone.
  void drop_abandoned();
  /// As take_overdue() for every call of a crew, whatever its deadline.
  std::vector<Overdue> take_waiting(const Crew& crew);
  /// A call that its plugin works on for nobody.
  struct Idle {
    std::shared_ptr<Crew> crew;
    dojo_request_id id = 0;
  };
  /// Calls that a plugin has and nobody waits for any more, each told once.
  std::vector<Idle> take_idle();
  /// Frees the slots in which a crew's calls are left. @return how many
  std::size_t clear(const Crew& crew);

  /// Blocks until no call waits for an answer, or until `limit`. @return whether none does.
  bool wait_until_answered(std::chrono::steady_clock::time_point limit);
  /// Calls in slots, those that were answered for included.
  [[nodiscard]] std::size_t size() const;

 private:
  enum class State : std::uint8_t { free, queued, prepared, running };
  struct Slot {
    std::mutex mutex;
    std::uint64_t generation = 1;
    State state = State::free;
    std::unique_ptr<Call> call;
    bool idle_told = false;  // take_idle() has
  };
  template <class Wanted>
  std::vector<Overdue> take(Wanted wanted);
  Slot* find(dojo_request_id id);  // the slot the id names; whether it is that id's still is seen
                                   // under its lock
  static bool is(const Slot& slot, dojo_request_id id);
  std::unique_ptr<Call> empty(Slot& slot);  // under the slot's lock
  void no_longer_waiting();

  std::vector<Slot> slots_;
  mutable std::mutex
      mutex_;  // the two below; taken while holding a slot's or alone, never the other way round
  std::vector<std::uint32_t> free_;
  std::size_t waiting_ = 0;  // calls not answered
  std::condition_variable answered_;
};

}  // namespace dojo::pipeline
