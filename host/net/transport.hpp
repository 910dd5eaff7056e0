// One reactor's connections: accepts them, waits for them, keeps their time.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <pistache/peer.h>
#include <pistache/reactor.h>
#include <pistache/tcp.h>
#include <pistache/transport.h>

#include "base/descriptor.hpp"
#include "net/connection.hpp"
#include "net/mailbox.hpp"
#include "net/shared.hpp"

namespace dojo::net {

/// A Pistache transport that does all of its peers' input and output itself: of its base class it
/// uses the table of peers and their registration with the reactor, and nothing else
/// (docs/decisions/pistache.md). Everything but the constructor and listen_on() runs on the
/// reactor's thread.
class Transport : public Pistache::Tcp::Transport {
 public:
  explicit Transport(std::shared_ptr<Shared> shared);
  ~Transport() override;

  /// Pistache makes one transport for each reactor thread out of the one it was given.
  [[nodiscard]] std::shared_ptr<Pistache::Aio::Handler> clone() const override;
  void registerPoller(Pistache::Polling::Epoll& poller) override;
  void onReady(const Pistache::Aio::FdSet& ready) override;

  /// Before the reactor runs. The socket must be non-blocking.
  void listen_on(base::Descriptor listener);
  [[nodiscard]] const std::shared_ptr<Mailbox>& mailbox() const { return bench_.mailbox; }

 private:
  struct Slot {
    std::unique_ptr<Connection> connection;
    std::shared_ptr<Pistache::Tcp::Peer> peer;
    Connection::Interest interest = Connection::Interest::nothing;
  };

  void accept_some();
  bool accept_one();
  void open(base::Descriptor descriptor, const base::IpAddress& address);
  void join(const std::shared_ptr<Pistache::Tcp::Peer>& peer);
  void pause_listening(std::string_view why);
  void stop_listening();

  template <class Call>
  void with(int fd, Call&& call);
  void settle(int fd);
  void drop(int fd);

  void on_ready(int fd);
  void on_mailbox();
  void deliver(ExchangePtr exchange);
  void deliver_inline();
  void take_turns();
  void sweep();
  void make_way();
  void follow_phase();
  void refresh_date();

  const std::shared_ptr<Shared> shared_;
  Workbench bench_;
  base::Descriptor timer_;
  base::Descriptor listener_;
  bool paused_ = false;     // no descriptors left: not accepting until the next sweep
  std::uint64_t asks_ = 0;  // of Accounts, as last acted upon
  Shared::Phase phase_ = Shared::Phase::serving;  // as last acted upon
  std::vector<Slot> slots_;                       // by descriptor
  std::vector<Clock::time_point>
      deadlines_;  // by descriptor; dense, because each sweep reads all of them
  std::vector<std::pair<int, std::size_t>>
      turns_;  // connections, by descriptor and peer, that want to go on
};

}  // namespace dojo::net
