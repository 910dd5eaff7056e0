// One test for each thing that a peer can do to Pistache's own HTTP server, against this one
// (docs/decisions/pistache.md).
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture.hpp"

namespace dojo::net {
namespace {

using std::string;

class Hazard : public ServerTest {};

const string kChunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST_F(Hazard, ALegalChunkSplitBetweenCrAndLfDoesNotSpin) {
  start();
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(connect());
    clients.back().send(kChunked + "5\r");
  }
  ASSERT_TRUE(eventually([&] { return handler.heads == 4; }));
  EXPECT_EQ(events_at_rest(), 0U);
  EXPECT_TRUE(still_serves());
  for (auto& client : clients) {
    client.send("\nhello\r");
    client.send("\n0\r\n\r");
    client.send("\n");
    EXPECT_EQ(client.read_reply()->body, "POST /echo 127.0.0.1 {hello}");
  }
}

TEST_F(Hazard, AMalformedChunkSizeDoesNotSpin) {
  start();
  std::vector<Client> clients;
  for (const char* size : {"zz\r\n", "0x5\r\n", "-1\r\n", "ffffffffffffffffff\r\n"}) {
    clients.push_back(connect());
    clients.back().send(kChunked + size);
    EXPECT_EQ(clients.back().read_reply()->status, 400) << size;
  }
  EXPECT_EQ(events_at_rest(), 0U);
  EXPECT_TRUE(still_serves());
}

TEST_F(Hazard, ASlowReaderOfSixMegabytesDoesNotSpinAndGetsAll) {
  constexpr std::size_t kSize = 6'000'000;
  start();
  Client slow = connect_slow();
  slow.send(request("/big?" + std::to_string(kSize)) + request("/after"));
  ASSERT_TRUE(eventually([&] { return budgets().response_bytes.held() > 0; }));
  EXPECT_EQ(events_at_rest(), 0U);
  EXPECT_TRUE(still_serves());
  const auto reply = slow.read_reply();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->body, string(kSize, 'x'));
  EXPECT_EQ(slow.read_reply()->body, "GET /after 127.0.0.1 {}");
  EXPECT_TRUE(eventually([&] { return budgets().response_bytes.held() == 0; }));
}

TEST_F(Hazard, NoConnectionHeaderMeansKeepAlive) {
  start();
  Client client = connect();
  client.send(request("/a"));
  EXPECT_EQ(client.read_reply()->head.find("lose"), string::npos);
  EXPECT_FALSE(client.readable_within(100ms)) << "and it is kept";
}

TEST_F(Hazard, AHandlerMayTakeLongerThanTheIdleTimeout) {
  options.limits.idle_timeout = 150ms;
  options.limits.head_timeout = 150ms;
  options.limits.body_grace = 150ms;
  start();
  Client client = connect();
  client.send(request("/wait"));
  auto [held, responder] = handler.waiting.take();
  EXPECT_FALSE(client.readable_within(600ms));
  Client other = connect();
  other.send(request("/other"));
  responder.send(text("late"));
  EXPECT_EQ(client.read_reply()->body, "late");
  EXPECT_EQ(other.read_reply()->body, "GET /other 127.0.0.1 {}");
}

TEST_F(Hazard, AnAnswerNeverReachesTheNextPeerWithTheSameDescriptor) {
  options.threads = 1;
  start();
  for (int round = 0; round < 20; ++round) {
    Client first;
    Client second;  // made first, so that the server's descriptor is the lowest free one
    ASSERT_TRUE(first.connect(server->port()));
    first.send(request("/wait/first"));
    auto [held, late] = handler.waiting.take();
    first.reset();
    ASSERT_TRUE(eventually([&] { return counters().open == 0; }));
    const auto dropped = counters().answers_dropped.load();
    ASSERT_TRUE(second.connect(server->port()));
    second.send(request("/wait/second"));
    auto [held_too, in_time] = handler.waiting.take();
    late.send(text("for the first"));
    ASSERT_TRUE(eventually([&] { return counters().answers_dropped == dropped + 1; }));
    in_time.send(text("for the second"));
    ASSERT_EQ(second.read_reply()->body, "for the second");
    second.reset();
    ASSERT_TRUE(eventually([&] { return counters().open == 0; }));
  }
}

/// Threads that answer what they are given.
class Answerers {
 public:
  explicit Answerers(int count) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Answerers() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    come_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  Answerers(const Answerers&) = delete;
  Answerers& operator=(const Answerers&) = delete;
  void give(ExchangePtr exchange, Responder responder) {
    {
      const std::lock_guard lock(mutex_);
      given_.emplace_back(std::move(exchange), std::move(responder));
    }
    come_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      come_.wait(lock, [&] { return over_ || !given_.empty(); });
      if (given_.empty()) return;
      auto [exchange, responder] = std::move(given_.front());
      given_.pop_front();
      lock.unlock();
      responder.send(text(string(exchange->head.target())));
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable come_;
  std::deque<std::pair<ExchangePtr, Responder>> given_;
  bool over_ = false;
  std::vector<std::thread> threads_;
};

TEST_F(Hazard, NoneOfFiftyThousandAnswersFromOtherThreadsIsLost) {
  constexpr int kClients = 20;
  constexpr int kEach = 2'500;
  Answerers answerers(4);
  handler.request_hook = [&](ExchangePtr asked, Responder responder) {
    answerers.give(std::move(asked), std::move(responder));
  };
  start();
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  threads.reserve(kClients);
  for (int c = 0; c < kClients; ++c) {
    threads.emplace_back([&, c] {
      Client client = connect();
      for (int i = 0; i < kEach; ++i) {
        const string target = "/" + std::to_string(c) + "/" + std::to_string(i);
        client.send(request(target));
        const auto reply = client.read_reply();
        if (!reply || reply->body != target) return;
        ++right;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, kClients * kEach);
  EXPECT_EQ(counters().answers_dropped, 0U);
  server.reset();
}

/// Lowers the limit on descriptors for as long as it lives.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t more) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    const rlimit few{static_cast<rlim_t>(lowest_free) + more, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(Hazard, RunningOutOfDescriptorsDoesNotSpin) {
  start();
  EXPECT_TRUE(still_serves());  // UBSan needs descriptors to look at a type for the first time
  ASSERT_TRUE(eventually([&] { return counters().open == 0; }));
  std::vector<Client> clients(20);  // theirs are taken before the limit falls
  {
    const FewDescriptors few(5);
    for (auto& client : clients) {
      ASSERT_TRUE(client.connect(server->port()));
      client.send(request("/a"));
    }
    ASSERT_TRUE(eventually([&] { return handler.requests == 1 + 5; }));
    // Each reactor tries once after each look whether it can accept again.
    const auto looks = counters().sweeps.load();
    const auto events = events_at_rest();
    EXPECT_LE(events, counters().sweeps - looks + 2 * options.threads);
    EXPECT_EQ(counters().open, 5U);
    for (auto& client : clients) {
      if (client.readable_within(0ms)) client.reset();
    }
    EXPECT_TRUE(eventually([&] { return handler.requests == 1 + 10; })) << "who left makes room";
  }
  EXPECT_TRUE(eventually([&] { return handler.requests == 1 + 20; }));
  EXPECT_TRUE(still_serves());
}

TEST_F(Hazard, AmbiguousLengthsAreRefused) {
  start();
  for (const char* header :
       {"Content-Length: +5", "Content-Length: 5, 5", "Content-Length: 0x5", "Content-Length : 5",
        "Content-Length: 5\r\nContent-Length: 5", "X: 1\nContent-Length: 5"}) {
    Client client = connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\n" + string(header) + "\r\n\r\nhello");
    EXPECT_EQ(client.read_reply()->status, 400) << header;
    EXPECT_TRUE(client.at_end()) << header;
  }
  Client client = connect();
  client.send("GET / HTTP/1.\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_reply()->status, 400);
  EXPECT_EQ(counters().requests, 0U);
  EXPECT_EQ(counters().malformed, 7U);
}

TEST_F(Hazard, AnAnnouncedLengthReservesNothing) {
  options.limits.max_body = std::size_t{40} << 30;
  options.limits.max_request_bytes = std::size_t{400} << 30;
  start();
  EXPECT_TRUE(still_serves());
  const std::size_t before = resident_bytes();
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(connect());
    clients.back().send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000000\r\n\r\n0123456789abcdef");
  }
  ASSERT_TRUE(eventually([&] { return budgets().request_bytes.held() >= 160; }));
  EXPECT_LT(budgets().request_bytes.held(), 4'096U);
  EXPECT_LT(resident_bytes(), before + (std::size_t{8} << 20));
}

TEST_F(Hazard, HeadersInSmallPiecesAreTaken) {
  options.limits.max_head = 60'000;
  options.limits.max_headers = 1'000;
  start();
  string head = "GET /a HTTP/1.1\r\nHost: a\r\n";
  while (head.size() < 57'000) head += "X-Header: " + string(80, 'v') + "\r\n";
  head += "\r\n";
  Client client = connect();
  for (std::size_t at = 0; at < head.size(); at += 64) client.send(head.substr(at, 64));
  EXPECT_EQ(client.read_reply()->status, 200);
}

TEST_F(Hazard, NothingAfterARefusalIsParsed) {
  start();
  for (const char* first :
       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n"}) {
    Client client = connect();
    client.send(first + request("/smuggled"));
    const auto reply = client.read_reply();
    ASSERT_TRUE(reply) << first;
    EXPECT_GE(reply->status, 400);
    EXPECT_TRUE(reply->has("Connection: close"));
    client.send(request("/smuggled"));
    EXPECT_EQ(client.read_all(), "") << first;
  }
  EXPECT_EQ(handler.requests, 0);
}

}  // namespace
}  // namespace dojo::net
