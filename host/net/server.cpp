#include "net/server.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pistache/reactor.h>

#include "base/address.hpp"
#include "net/listen.hpp"
#include "net/mailbox.hpp"
#include "net/shared.hpp"
#include "net/transport.hpp"

namespace dojo::net {
namespace {

constexpr std::size_t kLargestHead = 60 << 10;  // Beast holds one field in 64 KiB

Status check(const Limits& limits) {
  if (limits.max_head == 0 || limits.max_head > kLargestHead) {
    return fail(fmt::format("max_head is {}: write 1 to {} bytes", limits.max_head, kLargestHead));
  }
  if (limits.min_rate == 0) return fail("min_rate is 0: write at least 1 byte per second");
  return {};
}

Result<std::vector<base::Network>> parse_proxies(const std::vector<std::string>& texts) {
  std::vector<base::Network> networks;
  for (const auto& text : texts) {
    const auto network = base::Network::parse(text);
    if (!network)
      return fail(
          fmt::format("proxy \"{}\": write an address, or a block such as 10.0.0.0/8", text));
    networks.push_back(*network);
  }
  return networks;
}

Options with_port(Options options, std::uint16_t port) {
  options.port = port;
  return options;
}

}  // namespace

class Server::Impl {
 public:
  Impl(const Options& options, std::vector<base::Network> proxies, Handler& handler,
       Listeners listeners, unsigned threads)
      : options_(with_port(options, listeners.port)),
        shared_(std::make_shared<Shared>(options.limits, std::move(proxies), handler)),
        reactor_(Pistache::Aio::Reactor::create()) {
    reactor_->init(Pistache::Aio::AsyncContext(threads, "dojo-net"));
    const auto key = reactor_->addHandler(std::make_shared<Transport>(shared_));
    auto socket = listeners.sockets.begin();
    for (const auto& bound : listeners.sockets) sockets_.push_back(bound.get());
    for (const auto& made : reactor_->handlers(key)) {
      const auto transport = std::static_pointer_cast<Transport>(made);
      transport->listen_on(std::move(*socket++));
      mailboxes_.push_back(transport->mailbox());
    }
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] std::uint16_t port() const { return options_.port; }
  [[nodiscard]] const Counters& counters() const { return shared_->counters; }
  [[nodiscard]] const Budgets& budgets() const { return shared_->budgets; }

  Status start() {
    const std::lock_guard lock(mutex_);
    if (!reactor_ || running_) return {};
    if (auto status = listen(options_, sockets_); !status) return status;
    running_ = true;
    reactor_->run();
    return {};
  }

  bool drain(std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    advance_to(Shared::Phase::draining);
    return shared_->wait_until_empty(deadline, running_ ? mailboxes_.size() : 0);
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    if (!reactor_) return;
    advance_to(Shared::Phase::stopped);
    reactor_->shutdown();
    reactor_.reset();  // joins the threads; the transports close what is left
  }

 private:
  void advance_to(Shared::Phase phase) {
    shared_->advance_to(phase);
    for (const auto& mailbox : mailboxes_) mailbox->wake();
  }

  const Options options_;  // with the port that was had
  const std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Mailbox>> mailboxes_;
  std::mutex mutex_;  // start() against stop()
  std::atomic<bool> running_{false};
  std::shared_ptr<Pistache::Aio::Reactor> reactor_;
  std::vector<int> sockets_;  // the transports'
};

Result<std::unique_ptr<Server>> Server::create(const Options& options, Handler& handler) {
  if (const auto ok = check(options.limits); !ok) return Unexpected(ok.error());
  auto proxies = parse_proxies(options.proxies);
  if (!proxies) return Unexpected(proxies.error());
  const unsigned threads =
      options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  auto listeners = bind(options, threads);
  if (!listeners) return Unexpected(listeners.error());
  try {
    auto impl = std::make_unique<Impl>(options, std::move(*proxies), handler, std::move(*listeners),
                                       threads);
    return std::unique_ptr<Server>(
        new Server(std::move(impl)));  // NOLINT: the constructor is private
  } catch (const std::exception& error) {
    return fail(fmt::format("cannot start the reactor: {}", error.what()));
  }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

std::uint16_t Server::port() const {
  return impl_->port();
}
const Counters& Server::counters() const {
  return impl_->counters();
}
const Budgets& Server::budgets() const {
  return impl_->budgets();
}
Status Server::start() {
  return impl_->start();
}
bool Server::drain(std::chrono::milliseconds limit) {
  return impl_->drain(limit);
}
void Server::stop() {
  impl_->stop();
}

}  // namespace dojo::net
