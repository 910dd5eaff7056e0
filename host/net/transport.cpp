#include "net/transport.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <exception>
#include <system_error>

#include <sys/socket.h>
#include <sys/timerfd.h>

#include "base/threads.hpp"

namespace dojo::net {
namespace {

namespace Polling = Pistache::Polling;
namespace Aio = Pistache::Aio;

constexpr int kAcceptsPerTurn = 64;
constexpr long kSweepNanoseconds = 50'000'000;

/// Pistache wants one beside a transport. None of its calls is ever of use here.
class NoHandler : public Pistache::Tcp::Handler {
 public:
  PROTOTYPE_OF(Pistache::Tcp::Handler, NoHandler)
  void onInput(const char* /*bytes*/, std::size_t /*count*/,
               const std::shared_ptr<Pistache::Tcp::Peer>& /*peer*/) override {}
};

Polling::NotifyOn flags(Connection::Interest interest) {
  switch (interest) {
    case Connection::Interest::read:
      return Polling::NotifyOn::Read;
    case Connection::Interest::write:
      return Polling::NotifyOn::Write;
    case Connection::Interest::hangup:
      return Polling::NotifyOn::Shutdown;
    case Connection::Interest::nothing:
      break;
  }
  return Polling::NotifyOn::None;
}

/// No exception may reach Pistache's thread: it would end the process. What is left undone for want
/// of memory comes again: events are level-triggered, and sweeps come by themselves.
template <class Work>
void attempt(Work&& work) {
  threads::guard(work, [](std::string_view) {});
}

}  // namespace

Transport::Transport(std::shared_ptr<Shared> shared)
    : Pistache::Tcp::Transport(std::make_shared<NoHandler>()),
      shared_(std::move(shared)),
      bench_(std::make_shared<Mailbox>(shared_)) {
  refresh_date();
}

/// The reactor's thread has ended, or never ran.
Transport::~Transport() {
  bench_.mailbox->close();
  for (auto& slot : slots_) {
    if (!slot.connection) continue;
    const base::Descriptor closes(slot.peer->fd());
    slot.connection.reset();
    shared_->connection_closed();
  }
}

std::shared_ptr<Aio::Handler> Transport::clone() const {
  return std::make_shared<Transport>(shared_);
}

void Transport::registerPoller(Polling::Epoll& poller) {
  Pistache::Tcp::Transport::registerPoller(poller);
  const auto watch = [&](int fd) {
    poller.addFd(fd, Pistache::Flags<Polling::NotifyOn>(Polling::NotifyOn::Read),
                 Polling::Tag(static_cast<std::uint64_t>(fd)));
  };
  timer_ = base::Descriptor(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  const itimerspec period{{0, kSweepNanoseconds}, {0, kSweepNanoseconds}};
  if (!timer_ || timerfd_settime(timer_.get(), 0, &period, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "timerfd");
  }
  watch(timer_.get());
  watch(bench_.mailbox->event_fd());
}

void Transport::listen_on(base::Descriptor listener) {
  listener_ = std::move(listener);
  reactor()->registerFd(key(), listener_.get(), Polling::NotifyOn::Read, Polling::Mode::Level);
}

/// Flags are not looked at: an event may be for a descriptor that was closed and used again since
/// it was raised. What is true of a connection is asked of its socket.
void Transport::onReady(const Aio::FdSet& ready) {
  bench_.mailbox->bind_to_this_thread();
  attempt([] { threads::claim(); });
  for (std::size_t i = 0; i < ready.size(); ++i) {
    const int fd = static_cast<int>(ready.at(i).getTag().value());
    attempt([&] { on_ready(fd); });
    if (fd != timer_.get()) ++shared_->counters.events;
  }
  attempt([&] { take_turns(); });
  attempt([&] { follow_phase(); });
  attempt([&] { deliver_inline(); });
  if (!turns_.empty()) bench_.mailbox->wake();
}

void Transport::on_ready(int fd) {
  if (fd == bench_.mailbox->event_fd()) {
    on_mailbox();
  } else if (fd == timer_.get()) {
    sweep();
  } else if (fd == listener_.get()) {
    accept_some();
  } else {
    with(fd, [](Connection& connection) { connection.on_event(); });
  }
}

// ---- connections

/// Out of memory costs one connection.
template <class Call>
void Transport::with(int fd, Call&& call) {
  const auto at = static_cast<std::size_t>(fd);
  if (at >= slots_.size() || !slots_[at].connection) return;
  try {
    call(*slots_[at].connection);
    settle(fd);
  } catch (const std::exception&) {
    drop(fd);
  }
}

/// Does what the connection wants after a call to it.
void Transport::settle(int fd) {
  const auto at = static_cast<std::size_t>(fd);
  Slot& slot = slots_[at];
  Connection& connection = *slot.connection;
  if (connection.gone()) {
    drop(fd);
    return;
  }
  deadlines_[at] = connection.deadline();
  if (connection.wants_turn()) turns_.emplace_back(fd, connection.peer());
  const auto wanted = connection.interest();
  if (wanted != slot.interest) {
    reactor()->modifyFd(key(), fd, flags(wanted), Polling::Mode::Level);
    slot.interest = wanted;
  }
}

void Transport::drop(int fd) {
  const auto at = static_cast<std::size_t>(fd);
  const Slot slot = std::exchange(slots_[at], Slot{});
  deadlines_[at] = Connection::kNever;
  try {
    removePeer(slot.peer);  // closes the descriptor
  } catch (const std::exception&) {
    const base::Descriptor closes(fd);  // it was not registered
  }
  shared_->connection_closed();
}

void Transport::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn && accept_one(); ++i) {
  }
}

bool Transport::accept_one() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  base::Descriptor descriptor(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address),
                                        &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!descriptor) {
    if (errno == EINTR || errno == ECONNABORTED) return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK) pause_listening(std::strerror(errno));
    return false;
  }
  ++shared_->counters.accepted;
  try {
    open(std::move(descriptor), base::IpAddress::of(address));
  } catch (const std::exception& error) {
    pause_listening(error.what());
    return false;
  }
  return true;
}

void Transport::open(base::Descriptor descriptor, const base::IpAddress& address) {
  // Room for those who are told that there is none, and for those of whom it is not known yet.
  if (shared_->counters.open.load(std::memory_order_relaxed) >=
      shared_->limits.max_connections + kTurnedAwayAtOnce) {
    ++shared_->counters.refused;
    return;
  }
  const bool proxied = base::holds(shared_->proxies, address);
  if (!proxied && !shared_->welcomes(address)) return;  // before it costs more than the accept
  const int fd = descriptor.get();
  const auto at = static_cast<std::size_t>(fd);
  if (at >= slots_.size()) {
    slots_.resize(at + 64);
    deadlines_.resize(slots_.size(), Connection::kNever);
  }
  sockaddr_storage unmapped{};
  address.to_sockaddr(0, unmapped);
  const auto peer = Pistache::Tcp::Peer::Create(
      fd, Pistache::Address::fromUnix(reinterpret_cast<sockaddr*>(&unmapped)));
  auto connection = std::make_unique<Connection>(fd, peer->getID(), address, proxied, bench_);
  join(peer);
  static_cast<void>(descriptor.release());
  ++shared_->counters.open;
  slots_[at] = Slot{std::move(connection), peer, Connection::Interest::nothing};
  with(fd, [](Connection& fresh) { fresh.begin(); });
}

void Transport::join(const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  try {
    handleNewPeer(
        peer);  // on the reactor's thread it is registered at once, without Pistache's queue
  } catch (const std::exception&) {
    peers.erase(peer->fd());
    throw;
  }
}

/// Out of descriptors or memory: a listening socket that stays ready would only spin. The next
/// sweep tries again.
void Transport::pause_listening(std::string_view why) {
  if (std::exchange(paused_, true)) return;
  reactor()->removeFd(key(), listener_.get());
  shared_->handler.on_shortage(why);
}

void Transport::stop_listening() {
  if (!listener_) return;
  if (!paused_) reactor()->removeFd(key(), listener_.get());
  listener_.reset();
}

// ---- answers, turns, time

void Transport::on_mailbox() {
  bench_.mailbox->collect();
  while (auto answered = bench_.mailbox->take()) deliver(std::move(answered));
}

void Transport::deliver(ExchangePtr exchange) {
  if (exchange->connection_ == nullptr) {
    auto* const stream = exchange->stream();
    if (stream != nullptr && !stream->abandon()) return;  // it is over
    ++shared_->counters.answers_dropped;
    exchange->on_answered();
    return;
  }
  with(exchange->connection_->fd(),
       [&](Connection& connection) { connection.on_answer(std::move(exchange)); });
}

/// Answers given on this thread to requests other than the one being handed on.
void Transport::deliver_inline() {
  while (auto answered = bench_.mailbox->take_inline()) deliver(std::move(answered));
}

/// One turn for each that wants one now; who wants another after it waits for the next round.
void Transport::take_turns() {
  std::vector<std::pair<int, std::size_t>> now;
  now.swap(turns_);
  for (const auto& [fd, peer] : now) {
    with(fd, [id = peer](Connection& connection) {
      if (connection.peer() == id && connection.wants_turn()) connection.resume();
    });
  }
}

void Transport::sweep() {
  std::uint64_t ticks = 0;
  [[maybe_unused]] const auto read = ::read(timer_.get(), &ticks, sizeof ticks);
  refresh_date();
  ++shared_->counters.sweeps;
  const auto now = Clock::now();
  for (std::size_t fd = 0; fd < deadlines_.size(); ++fd) {
    if (deadlines_[fd] <= now)
      with(static_cast<int>(fd), [](Connection& connection) { connection.on_deadline(); });
  }
  make_way();
  std::erase_if(bench_.orphans, [&](const auto& orphan) {
    const auto& [due, exchange] = orphan;
    if (due > now && !exchange->answered()) return false;
    if (!exchange->answered()) shared_->handler.on_deadline(*exchange);
    return true;
  });
  if (!paused_ || !listener_) return;
  reactor()->registerFd(key(), listener_.get(), Polling::NotifyOn::Read, Polling::Mode::Level);
  paused_ = false;
}

/// For callers who have next to nothing, where one has most of what there is.
void Transport::make_way() {
  const auto asks = shared_->accounts.asks();
  if (std::exchange(asks_, asks) == asks) return;
  for (std::size_t fd = 0; fd < slots_.size(); ++fd) {
    if (slots_[fd].connection && slots_[fd].connection->gives_way())
      with(static_cast<int>(fd), [](Connection& connection) { connection.make_way(); });
  }
}

void Transport::follow_phase() {
  const auto phase = shared_->phase();
  if (phase == phase_) return;
  phase_ = phase;
  while (listener_ && phase == Shared::Phase::draining && accept_one()) {
    // Whoever is in the queue would be reset.
  }
  stop_listening();
  for (std::size_t fd = 0; fd < slots_.size(); ++fd) {
    if (!slots_[fd].connection) continue;
    if (phase == Shared::Phase::stopped) {
      drop(static_cast<int>(fd));
    } else {
      with(static_cast<int>(fd), [](Connection& connection) { connection.drain(); });
    }
  }
  shared_->phase_followed();
}

void Transport::refresh_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 40> text{};
  // The process runs in the C locale, whose names of days and months these are.
  bench_.date.assign(text.data(),
                     std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc));
}

}  // namespace dojo::net
