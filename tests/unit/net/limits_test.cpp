// What each limit does, and that honest callers are served meanwhile.
#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.hpp"

namespace dojo::net {
namespace {

using std::string;

class TheLimit : public ServerTest {};

string head_with(const string& headers) {
  return "POST /echo HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
}

TEST_F(TheLimit, OnHeadTimeEndsAHeadThatDripsIn) {
  options.limits.head_timeout = 300ms;
  options.limits.idle_timeout = 1h;
  start();
  Client slow = connect();
  slow.send("GET / HTTP/1.1\r\n");
  // Fewer bytes than make the head too large.
  for (int i = 0; i < 4'000 && !slow.readable_within(20ms); ++i) slow.send("X");
  EXPECT_EQ(slow.read_reply()->status, 408);
  EXPECT_EQ(counters().timeouts, 1U);
  EXPECT_TRUE(still_serves());
}

TEST_F(TheLimit, OnIdleTimeClosesWithoutAWord) {
  options.limits.idle_timeout = 200ms;
  start();
  Client fresh = connect();
  Client used = connect();
  used.send(request("/a"));
  EXPECT_EQ(used.read_reply()->status, 200);
  EXPECT_TRUE(fresh.at_end(3s));
  EXPECT_TRUE(used.at_end(3s));
  EXPECT_EQ(counters().timeouts, 0U);
}

TEST_F(TheLimit, OnIdleTimeIsNotPutOffByEmptyLines) {
  options.limits.idle_timeout = 300ms;
  start();
  Client client = connect();
  for (int i = 0; i < 6 && !client.readable_within(60ms); ++i) client.send("\r\n");
  EXPECT_TRUE(client.at_end(1s));
}

TEST_F(TheLimit, OnBodyTimeEndsABodyBelowTheLowestRate) {
  options.limits.body_grace = 200ms;
  options.limits.head_timeout = 10s;
  options.limits.min_rate = 100'000;
  start();
  Client slow = connect();
  slow.send(head_with("Content-Length: 10000000\r\n"));
  Client drip = connect();
  drip.send(head_with("Transfer-Encoding: chunked\r\n"));
  // Always far below the rate: without the limit this would go on for ever.
  while (!drip.readable_within(10ms)) drip.send("1;padding=padding\r\nx\r\n");
  EXPECT_EQ(drip.read_reply()->status, 408);
  EXPECT_EQ(slow.read_reply()->status, 408) << "although 10 MB at that rate would take 100 s";
}

TEST_F(TheLimit, OnBodyTimeLetsASteadyBodyPass) {
  options.limits.body_grace = 1s;
  options.limits.min_rate = 50'000;
  start();
  Client steady = connect();
  steady.send(head_with("Content-Length: 300000\r\n"));
  for (int i = 0; i < 30; ++i) {
    steady.send(string(10'000, 'x'));
    std::this_thread::sleep_for(50ms);  // the rate itself is what is tested
  }
  EXPECT_EQ(steady.read_reply()->status, 200);
}

TEST_F(TheLimit, OnWriteTimeResetsAPeerThatDoesNotRead) {
  options.limits.write_grace = 300ms;
  options.limits.min_rate = 100'000'000;
  start();
  Client slow = connect_slow();
  slow.send(request("/big?20000000"));
  EXPECT_TRUE(eventually([&] { return counters().timeouts == 1 && counters().open == 0; }));
  EXPECT_EQ(budgets().response_bytes.held(), 0U);
  EXPECT_FALSE(slow.ends_orderly()) << "reset, not left to the kernel to send";
}

TEST_F(TheLimit, OnWriteTimeIsNotSavedUpByAPeerThatPauses) {
  options.limits.write_grace = 300ms;
  options.limits.min_rate = 1'000;
  start();
  Client slow = connect_slow();
  slow.send(request("/big?20000000"));
  string some(1'000'000, '\0');  // at that rate 1,000 s
  ASSERT_EQ(::recv(slow.fd(), some.data(), some.size(), MSG_WAITALL), 1'000'000);
  EXPECT_TRUE(eventually([&] { return counters().timeouts == 1 && counters().open == 0; }));
  EXPECT_EQ(budgets().response_bytes.held(), 0U);
}

TEST_F(TheLimit, OnAnswersThatNobodyReadsHoldsUpTheNext) {
  start();
  Client client = connect_slow();
  string all;
  for (int i = 0; i < 20; ++i) all += request("/big?60000");
  client.send(all);
  ASSERT_TRUE(eventually([&] { return handler.requests >= 2; }));
  EXPECT_EQ(events_at_rest(), 0U);
  EXPECT_LE(handler.requests, 4) << "and not as many as the kernel takes";
  EXPECT_GT(budgets().response_bytes.held(), 0U) << "what the kernel has counts as well";
  for (int i = 0; i < 20; ++i) ASSERT_EQ(client.read_reply()->body.size(), 60'000U) << i;
  EXPECT_TRUE(eventually([&] { return budgets().response_bytes.held() == 0; }));
  EXPECT_EQ(counters().timeouts, 0U);
}

TEST_F(TheLimit, OnAnswersThatNobodyReadsHoldsForRefusalsToo) {
  std::atomic<int> refused{0};
  handler.head_hook = [&](Exchange&) {
    ++refused;
    return std::optional(text(string(10'000, 'x'), 403));
  };
  start();
  Client client = connect_slow();
  string all;
  for (int i = 0; i < 1'000; ++i) all += request("/a");
  client.send(all);
  ASSERT_TRUE(eventually([&] { return refused >= 2; }));
  EXPECT_EQ(events_at_rest(), 0U);
  EXPECT_LE(refused, 20);
}

TEST_F(TheLimit, OnAnswersEndsAPeerThatNeverReadsThem) {
  options.limits.write_grace = 200ms;
  start();
  Client client = connect_slow();
  client.send(request("/big?200000") + request("/after"));
  EXPECT_TRUE(eventually([&] { return counters().timeouts == 1 && counters().open == 0; }));
  EXPECT_EQ(handler.requests, 1);
  EXPECT_EQ(budgets().response_bytes.held(), 0U);
}

TEST_F(TheLimit, OnAnswersLetsWhoHoldsMostGiveWay) {
  options.limits.max_response_bytes = 64'000'000;
  // Whose a request is says its body.
  handler.request_hook = [](ExchangePtr exchange, Responder responder) {
    base::Holder holder;
    holder.registered = true;
    holder.id[0] = static_cast<std::uint8_t>(exchange->body[0]);
    exchange->account = exchange->account->open(holder);
    responder.send(text(string(std::stoul(exchange->body.substr(1)), 'x')));
  };
  start();
  std::vector<Client> hogs;
  for (char key = 'a'; key <= 'h'; ++key) {
    for (int i = 0; i < 8; ++i) {
      hogs.push_back(connect_slow());
      hogs.back().send(post("/", key + string("8000000")));
    }
  }
  ASSERT_TRUE(eventually([&] { return counters().requests == hogs.size(); }));
  Client small = connect();
  for (char key = 'i'; key <= 'z'; ++key) {
    small.send(post("/", key + string("900000")));
    const auto reply = small.read_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200) << key;
    EXPECT_EQ(reply->body.size(), 900'000U);
  }
  EXPECT_LE(budgets().response_bytes.held(), options.limits.max_response_bytes);
}

TEST_F(TheLimit, OnIdleConnectionsLetsWhoHoldsMostGiveWay) {
  options.limits.max_connections = 200;
  options.proxies = {"127.0.0.1"};
  start();
  const auto from = [&](const string& address) {
    Client client = connect();
    client.send("PROXY TCP4 " + address + " 127.0.0.1 1 1\r\n");
    return client;
  };
  std::vector<Client> hogs;
  for (int address = 1; address <= 20; ++address) {
    for (int i = 0; i < 150; ++i) {
      hogs.push_back(from("192.0.2." + std::to_string(address)));
      if (hogs.back().readable_within(0ms)) break;
    }
  }
  ASSERT_TRUE(eventually([&] { return counters().refused > 0; }));
  EXPECT_TRUE(eventually([&] {
    auto client = from("198.51.100.1");
    client.send(request("/a"));
    const auto reply = client.read_reply();
    return reply && reply->status == 200;
  }));
  EXPECT_GT(counters().gave_way, 0U);
}

TEST_F(TheLimit, OnAnswersLetsAResetPeerGoAtOnce) {
  start();
  Client client = connect_slow();
  client.send(request("/big?200000"));
  ASSERT_TRUE(eventually([&] { return budgets().response_bytes.held() > 0; }));
  client.reset();
  EXPECT_TRUE(eventually([&] { return counters().open == 0; }));
}

TEST_F(TheLimit, OnTheHeadIsToldApartByStatus) {
  start();
  const auto status = [&](const string& bytes) {
    Client client = connect();
    client.send(bytes);
    const auto reply = client.read_reply();
    return reply ? reply->status : 0;
  };
  EXPECT_EQ(status(request("/a", "X: " + string(1 << 20, 'x') + "\r\n")), 431) << "1 MB of header";
  EXPECT_EQ(status(request("/" + string(9'000, 'a'))), 414);
  EXPECT_EQ(status("GET /" + string(1 << 20, 'a')), 414);
  string many;
  for (int i = 0; i < 200; ++i) many += "X: 1\r\n";
  EXPECT_EQ(status(request("/a", many)), 431);
  EXPECT_EQ(status(head_with("Content-Length: 99000000\r\n")), 413);
  EXPECT_EQ(status(head_with("Transfer-Encoding: chunked\r\n") + "5f5e100\r\n"), 413);
  EXPECT_EQ(status(head_with("Expect: magic\r\n")), 417);
  EXPECT_EQ(budgets().request_bytes.held(), 0U);
}

TEST_F(TheLimit, OnTheHeadLetsItsAnswerBeRead) {
  start();
  Client client = connect();
  EXPECT_TRUE(client.send(request("/a", "X: " + string(4 << 20, 'x') + "\r\n")))
      << "a close with bytes unread would be a reset, which can overtake the answer";
  EXPECT_EQ(client.read_reply()->status, 431);
  EXPECT_TRUE(client.ends_orderly());
}

TEST_F(TheLimit, OnBodiesAtOnceAnswers503) {
  options.limits.max_request_bytes = 2'000'000;
  start();
  Client large = connect();
  // All but a byte of it: what it holds is then the same however it came in.
  large.send(head_with("Content-Length: 500001\r\n") + string(500'000, 'x'));
  ASSERT_TRUE(eventually([&] { return budgets().request_bytes.held() >= 500'000; }));
  Client announces = connect();
  announces.send(head_with("Content-Length: 900000\r\n"));
  const auto reply = announces.read_reply();
  EXPECT_EQ(reply->status, 503);
  EXPECT_TRUE(reply->has("Retry-After: 1"));
  Client chunks = connect();
  chunks.send(head_with("Transfer-Encoding: chunked\r\n") + "dbba0\r\n" + string(900'000, 'x'));
  EXPECT_EQ(chunks.read_reply()->status, 503);
  EXPECT_TRUE(still_serves());
  large.send("x");
  EXPECT_EQ(large.read_reply()->status, 200);
  EXPECT_TRUE(eventually([&] { return budgets().request_bytes.held() == 0; }));
}

TEST_F(TheLimit, OnBodiesCountsThoseThatTheHandlerHas) {
  options.limits.max_request_bytes = 1'400'000;
  start();
  Client first = connect();
  first.send(post("/wait", string(800'000, 'x')));
  auto [held, responder] = handler.waiting.take();
  Client second = connect();
  second.send(post("/echo", string(800'000, 'x')));
  EXPECT_EQ(second.read_reply()->status, 503);
  held.reset();
  responder.send(text("done"));
  EXPECT_EQ(first.read_reply()->status, 200);
  Client third = connect();
  third.send(post("/echo", string(800'000, 'x')));
  EXPECT_EQ(third.read_reply()->status, 200);
}

TEST_F(TheLimit, OnAnswersHoldsWithSlowReaders) {
  constexpr std::size_t kAnswer = 8'000'000;
  options.limits.max_response_bytes = 50'000'000;
  start();
  std::vector<Client> slow;
  for (int i = 0; i < 30; ++i) {
    slow.push_back(connect_slow());
    slow.back().send(request("/big?" + std::to_string(kAnswer)));
  }
  ASSERT_TRUE(eventually([&] { return counters().requests == slow.size(); }));
  EXPECT_LE(budgets().response_bytes.held(), options.limits.max_response_bytes);
  int refused = 0;
  for (auto& client : slow) {
    client.readable_within(10s);
    std::array<char, 12> start_line{};
    if (::recv(client.fd(), start_line.data(), start_line.size(), MSG_PEEK) == 12) {
      refused += string(start_line.data(), 12).ends_with("503") ? 1 : 0;
    }
  }
  EXPECT_GE(refused, 24);
  EXPECT_LT(refused, 30);
  slow.clear();
  EXPECT_TRUE(eventually([&] { return budgets().response_bytes.held() == 0; }));
  EXPECT_TRUE(still_serves());
}

TEST_F(TheLimit, OnConnectionsOfOneCallerTurnsTheNextAway) {
  options.limits.max_connections_per_ip = 5;
  start();
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(connect());
    clients.back().send(request("/a"));
    EXPECT_EQ(clients.back().read_reply()->status, 200);
  }
  Client sixth = connect();
  sixth.send(request("/a"));
  const auto reply = sixth.read_reply();
  EXPECT_EQ(reply->status, 503);
  EXPECT_TRUE(reply->has("Retry-After: 1"));
  EXPECT_EQ(counters().refused, 1U);
  sixth.close();
  clients.clear();
  EXPECT_TRUE(eventually([&] { return counters().open == 0; }));
  EXPECT_TRUE(still_serves());
}

TEST_F(TheLimit, OnRequestsOfAConnectionClosesItAfterTheLastWhateverItsAnswer) {
  options.limits.max_requests_per_connection = 3;
  handler.head_hook = [](Exchange& exchange) -> std::optional<Response> {
    if (exchange.head.target() == "/refused") return text("no", 403);
    return std::nullopt;
  };
  start();
  for (const string last : {"/last", "/refused"}) {
    Client client = connect();
    client.send(request("/refused") + post("/a", "body") + request(last) + request("/late"));
    EXPECT_FALSE(client.read_reply()->has("Connection: close"));
    EXPECT_FALSE(client.read_reply()->has("Connection: close"));
    EXPECT_TRUE(client.read_reply()->has("Connection: close")) << last;
    EXPECT_TRUE(client.at_end());
  }
  EXPECT_EQ(handler.heads, 6);
  EXPECT_TRUE(still_serves());
}

TEST_F(TheLimit, OnAllConnectionsTurnsTheNextAway) {
  options.limits.max_connections = 3;
  start();
  std::vector<Client> clients;
  clients.reserve(3);
  for (int i = 0; i < 3; ++i) clients.push_back(connect());
  ASSERT_TRUE(eventually([&] { return counters().open == 3; }));
  Client fourth = connect();
  fourth.send(request("/a"));
  EXPECT_EQ(fourth.read_reply()->status, 503);
  EXPECT_EQ(handler.requests, 0);
  fourth.close();
  clients.clear();
  EXPECT_TRUE(eventually([&] { return counters().open == 0; }));
  EXPECT_TRUE(still_serves());
}

TEST_F(TheLimit, OnConnectionsIsToldOnceByWhoIsOverTwo) {
  options.limits.max_connections = options.limits.max_connections_per_ip = 1;
  start();
  const Client first = connect();
  ASSERT_TRUE(eventually([&] { return counters().open == 1; }));
  Client second = connect();
  EXPECT_EQ(second.read_reply()->status, 503);
  EXPECT_TRUE(second.at_end());
  EXPECT_EQ(counters().refused, 1U);
}

TEST_F(TheLimit, OnATurnLetsOthersInBetween) {
  options.threads = 1;
  options.limits.max_body = std::size_t{1} << 30;
  options.limits.max_request_bytes = std::size_t{4} << 30;
  start();
  std::atomic<bool> over{false};
  std::thread flood([&] {
    Client client = connect();
    client.send(head_with("Content-Length: 300000000\r\n"));
    const string part(1 << 20, 'x');
    for (int i = 0; i < 200 && !over; ++i) client.send(part);
  });
  std::thread pipeline([&] {
    Client client = connect();
    string many;
    for (int i = 0; i < 500; ++i) many += request("/p");
    while (!over && client.send(many)) {
      for (int i = 0; i < 500 && client.read_reply(); ++i) {
      }
    }
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(still_serves());
  }
  over = true;
  flood.join();
  pipeline.join();
}

/// Another process that holds idle connections, so that each process needs one descriptor for each.
class IdleCrowd {
 public:
  explicit IdleCrowd(int size) {
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    if (::pipe(to.data()) != 0 || ::pipe(from.data()) != 0) throw std::runtime_error("pipe");
    child_ = ::fork();
    if (child_ == 0) {
      ::close(to[1]);
      live(size, to[0], from[1]);
    }
    ::close(to[0]);
    ::close(from[1]);
    order_ = base::Descriptor(to[1]);
    report_ = base::Descriptor(from[0]);
  }
  ~IdleCrowd() {
    order_.reset();
    ::waitpid(child_, nullptr, 0);
  }
  IdleCrowd(const IdleCrowd&) = delete;
  IdleCrowd& operator=(const IdleCrowd&) = delete;

  /// @return how many are connected
  int connect(std::uint16_t port) {
    int connected = 0;
    if (::write(order_.get(), &port, sizeof port) != sizeof port) return 0;
    if (::read(report_.get(), &connected, sizeof connected) != sizeof connected) return 0;
    return connected;
  }

 private:
  [[noreturn]] static void live(int size, int orders, int reports) {
    std::uint16_t port = 0;
    if (::read(orders, &port, sizeof port) == sizeof port) {
      std::vector<Client> clients;
      while (static_cast<int>(clients.size()) < size) {
        clients.emplace_back();
        if (!clients.back().connect(port)) {
          clients.pop_back();
          break;
        }
      }
      const int connected = static_cast<int>(clients.size());
      if (::write(reports, &connected, sizeof connected) == sizeof connected) {
        [[maybe_unused]] const auto end =
            ::read(orders, &port, sizeof port);  // until the parent hangs up
      }
    }
    ::_exit(0);
  }

  pid_t child_ = -1;
  base::Descriptor order_;
  base::Descriptor report_;
};

TEST_F(TheLimit, OnConnectionsHasRoomForTenThousandIdleOnes) {
  constexpr int kCrowd = 10'000;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::max<rlim_t>(files.rlim_cur, std::min<rlim_t>(files.rlim_max, kCrowd + 500));
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < kCrowd + 100)
    GTEST_SKIP() << "the hard limit on descriptors is " << files.rlim_max;
  IdleCrowd crowd(kCrowd);  // before there are threads
  options.limits.max_connections_per_ip = 20'000;
  options.limits.idle_timeout = 60s;
  start();
  EXPECT_TRUE(still_serves());
  const std::size_t before = resident_bytes();
  ASSERT_EQ(crowd.connect(server->port()), kCrowd);
  ASSERT_TRUE(eventually([&] { return counters().open >= kCrowd; }));
  const std::size_t each = (resident_bytes() - before) / kCrowd;
  EXPECT_LT(each, kSanitized ? 32'768U : 4'096U) << "bytes of memory for an idle connection";
  EXPECT_EQ(events_at_rest(), 0U);
  RecordProperty("bytes_each", static_cast<int>(each));
  EXPECT_TRUE(still_serves());
}

}  // namespace
}  // namespace dojo::net
