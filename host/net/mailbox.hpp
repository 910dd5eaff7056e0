// The way of answers from any thread back to the reactor that owns the connection.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>

#include <boost/intrusive/list.hpp>

#include "base/descriptor.hpp"
#include "net/exchange.hpp"
#include "net/shared.hpp"

namespace dojo::net {

/// One reactor's queue of answered exchanges. Threads that post wake the reactor through an
/// eventfd.
class Mailbox final : public Outlet {
 public:
  explicit Mailbox(std::shared_ptr<Shared> shared);
  ~Mailbox() override;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  [[nodiscard]] Shared& shared() const { return *shared_; }
  [[nodiscard]] int event_fd() const { return event_.get(); }

  /// Answers that come after close() are dropped.
  void post(ExchangePtr exchange) noexcept override;
  void ring(ExchangePtr exchange) noexcept override;
  /// Any thread: makes the reactor look at the server's phase.
  void wake() const;

  /// The reactor's thread calls the rest.
  void bind_to_this_thread();
  /// Fetches the exchanges that other threads have answered.
  void collect();
  /// The next of those. @return null if there is none
  ExchangePtr take();
  /// The next that was answered on the reactor's own thread. @return null if there is none
  ExchangePtr take_inline();
  /// Takes that one off them, if it is there.
  bool take_inline(Exchange& exchange);
  /// The end: what has come is dropped, and so is what comes later.
  void close();

 private:
  using List = boost::intrusive::list<Exchange, boost::intrusive::constant_time_size<false>>;
  static ExchangePtr pop(List& list);
  static void unlist(Exchange& exchange);
  void drop(List& list);
  void push(ExchangePtr exchange) noexcept;
  void refuse(Exchange& exchange) const noexcept;

  const std::shared_ptr<Shared> shared_;  // outlives the charges below
  const base::Descriptor event_;
  List inline_;
  List collected_;
  std::mutex mutex_;
  List posted_;          // guarded by mutex_
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace dojo::net
