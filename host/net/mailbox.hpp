// The way of answers from any thread back to the reactor that owns the connection.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "net/descriptor.hpp"
#include "net/server.hpp"
#include "net/shared.hpp"

namespace dojo::net {

/// Which request of which peer. Descriptors are used again as soon as they are closed, peers'
/// numbers never.
struct Ticket {
  int fd = -1;
  std::size_t peer = 0;
  std::uint64_t sequence = 0;

  bool operator==(const Ticket&) const = default;
};

struct Answer {
  Ticket ticket;
  Response response;
  Charge charge;             ///< of the bytes waiting to be sent
  bool over_budget = false;  ///< the body was let go: the budget had no room for it
};

/// One reactor's queue of answers. Threads that post wake the reactor through an eventfd.
class Mailbox {
 public:
  explicit Mailbox(std::shared_ptr<Shared> shared);

  [[nodiscard]] Shared& shared() const { return *shared_; }
  [[nodiscard]] int event_fd() const { return event_.get(); }

  /// Any thread. Needs no memory. Answers that come after close() are dropped.
  /// @param answer one, whose node moves on
  void post(std::list<Answer> answer) noexcept;
  /// Any thread: makes the reactor look at the server's phase.
  void wake() const;

  /// The reactor's thread calls the rest.
  void bind_to_this_thread();
  /// Swaps what has come into `batch`, which must be empty.
  void take(std::list<Answer>& batch);
  /// The answer that the reactor's own thread has just given to that request, if it has.
  std::optional<Answer> take_inline(const Ticket& ticket);
  /// Other answers that the reactor's own thread has given.
  std::list<Answer>& given_inline() { return inline_; }
  /// The end: what has come is dropped, and so is what comes later.
  void close();

 private:
  const std::shared_ptr<Shared> shared_;  // outlives the charges below
  const Descriptor event_;
  std::list<Answer> inline_;
  std::mutex mutex_;
  std::list<Answer> posted_;  // guarded by mutex_
  bool closed_ = false;       // guarded by mutex_
};

/// One request that waits for its answer; shared by its Responder and its connection.
struct Responder::Exchange {
  Exchange(std::shared_ptr<Mailbox> its_mailbox, const Ticket& its_ticket, Charge its_request_bytes)
      : mailbox(std::move(its_mailbox)),
        ticket(its_ticket),
        request_bytes(std::move(its_request_bytes)) {}

  const std::shared_ptr<Mailbox> mailbox;
  const Ticket ticket;
  Charge request_bytes;  // touched by whoever sets `answered`
  std::list<Answer> answer =
      std::list<Answer>(1);  // as well; had beforehand, so that no answer is lost for memory
  std::atomic<bool> answered{false};
  std::atomic<bool> abandoned{false};
};

}  // namespace dojo::net
