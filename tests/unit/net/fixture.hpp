// A server on a free port with a handler that tests can steer.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "client.hpp"
#include "net/server.hpp"
#include "sanitized.hpp"

namespace dojo::net {

using namespace std::chrono_literals;

using test::kSanitized;

/// Waits for a condition instead of for a time. @return false if it does not come
inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::milliseconds patience = 10s) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

/// Of the whole process.
inline std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Requests that wait until the test answers them.
class Waiting {
 public:
  void add(ExchangePtr exchange, Responder responder) {
    const std::lock_guard lock(mutex_);
    held_.emplace_back(std::move(exchange), std::move(responder));
    come_.notify_all();
  }
  /// The one that has waited longest.
  std::pair<ExchangePtr, Responder> take() {
    std::unique_lock lock(mutex_);
    if (!come_.wait_for(lock, 10s, [&] { return !held_.empty(); })) {
      ADD_FAILURE() << "no request came";
      return {};
    }
    auto first = std::move(held_.front());
    held_.pop_front();
    return first;
  }

 private:
  std::mutex mutex_;
  std::condition_variable come_;
  std::deque<std::pair<ExchangePtr, Responder>> held_;
};

inline Response text(std::string body, int status = 200) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

/// As a handler has its own.
struct TestExchange : Exchange {
  explicit TestExchange(std::atomic<int>* told_of = nullptr) : told(told_of) {}
  void on_answered() noexcept override {
    if (told != nullptr) ++*told;
  }
  void on_room() noexcept override { ++rooms; }
  std::atomic<int>* told;
  std::atomic<int> rooms{0};
  std::string left;  // by on_head() for on_request()
};

/// Answers at once with `METHOD target peer {body}`; /wait goes to `waiting`, /big?N is N bytes.
class TestHandler : public Handler {
 public:
  bool welcomes(const base::IpAddress& caller) override {
    return !welcome_hook || welcome_hook(caller);
  }
  ExchangePtr make() override { return ExchangePtr(new TestExchange(&answered)); }
  std::optional<Response> on_head(Exchange& exchange) override {
    ++heads;
    return head_hook ? head_hook(exchange) : std::nullopt;
  }
  void on_request(ExchangePtr exchange) override {
    ++requests;
    auto responder = exchange->take_responder();
    const auto target = exchange->head.target();
    if (request_hook) {
      request_hook(std::move(exchange), std::move(responder));
    } else if (target.starts_with("/wait")) {
      waiting.add(std::move(exchange), std::move(responder));
    } else if (target.starts_with("/big?")) {
      responder.send(text(std::string(std::stoul(std::string(target.substr(5))), 'x')));
    } else {
      responder.send(text(std::string(exchange->head.method()) + ' ' + std::string(target) + ' ' +
                          exchange->peer + " {" + exchange->body + "}"));
    }
  }
  void on_gone(Exchange& /*exchange*/) override { ++gone; }
  void on_unnamed_caller(const base::IpAddress& /*proxy*/) override { ++unnamed; }
  Response on_refusal(int status, std::string_view why) override {
    return text(std::string(why), status);
  }

  std::function<bool(const base::IpAddress&)> welcome_hook;     // set before start()
  std::function<std::optional<Response>(Exchange&)> head_hook;  // set before start()
  std::function<void(ExchangePtr, Responder)> request_hook;     // set before start()
  std::atomic<int> heads{0};
  std::atomic<int> requests{0};
  std::atomic<int> unnamed{0};
  std::atomic<int> answered{0};  // told so
  std::atomic<int> gone{0};      // likewise
  Waiting waiting;
};

class ServerTest : public testing::Test {
 protected:
  /// Starts the server with `options`, which a test changes before it.
  Server& start() {
    auto made = Server::create(options, handler);
    if (!made) throw std::runtime_error(made.error().message);
    server = std::move(*made);
    if (auto status = server->start(); !status) throw std::runtime_error(status.error().message);
    return *server;
  }
  Client connect() { return Client::to(server->port()); }
  /// One that takes in no more than it reads.
  Client connect_slow() {
    Client slow;
    slow.shrink_receive_buffer(4'096);
    EXPECT_TRUE(slow.connect(server->port()));
    return slow;
  }
  [[nodiscard]] const Counters& counters() const { return server->counters(); }
  [[nodiscard]] const Budgets& budgets() const { return server->budgets(); }
  [[nodiscard]] bool still_serves() {
    Client client = connect();
    client.send(request("/alive"));
    const auto reply = client.read_reply();
    return reply && reply->status == 200;
  }

  /// How many events the reactors had while they looked several times for what is overdue. What is
  /// ready and stays so is reported at every turn of a reactor, and so at least once between two of
  /// its looks: where nothing spins there is none, however busy the machine is.
  [[nodiscard]] std::uint64_t events_at_rest() {
    const auto looks = [&] {
      const auto sweeps = counters().sweeps.load();
      EXPECT_TRUE(eventually([&] { return counters().sweeps >= sweeps + 4 * options.threads; }));
    };
    looks();  // what had just begun is over then
    const auto before = counters().events.load();
    looks();
    return counters().events - before;
  }

  ServerTest() { options.threads = 2; }

  Options options;
  TestHandler handler;
  std::unique_ptr<Server> server;
};

}  // namespace dojo::net
