#include "net/server.hpp"

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "fixture.hpp"
#include "net/mailbox.hpp"
#include "net/shared.hpp"
#include "proxy_header.hpp"

namespace dojo::net {
namespace {

using std::string;

class TheServer : public ServerTest {};

TEST_F(TheServer, AnswersAndKeepsTheConnection) {
  start();
  Client client = connect();
  for (int i = 0; i < 3; ++i) {
    client.send(post("/echo", "hello"));
    const auto reply = client.read_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, "POST /echo 127.0.0.1 {hello}");
    EXPECT_EQ(reply->head.find("Connection:"), string::npos);
    EXPECT_NE(reply->head.find("Date: "), string::npos);
  }
  EXPECT_EQ(counters().accepted, 1U);
  EXPECT_EQ(counters().requests, 3U);
}

TEST_F(TheServer, AnswersPipelinedRequestsInOrder) {
  start();
  Client client = connect();
  client.send(request("/1") + post("/wait", "a") + request("/3") + request("/4"));
  EXPECT_EQ(client.read_reply()->body, "GET /1 127.0.0.1 {}");
  auto [held, responder] = handler.waiting.take();
  EXPECT_EQ(handler.requests, 2) << "the third must wait for the second's answer";
  responder.send(text("second"));
  EXPECT_EQ(client.read_reply()->body, "second");
  EXPECT_EQ(client.read_reply()->body, "GET /3 127.0.0.1 {}");
  EXPECT_EQ(client.read_reply()->body, "GET /4 127.0.0.1 {}");
}

TEST_F(TheServer, AnswersAThousandPipelinedRequests) {
  start();
  Client client = connect();
  string all;
  for (int i = 0; i < 1'000; ++i) all += request("/" + std::to_string(i));
  std::thread sender([&] { client.send(all); });
  for (int i = 0; i < 1'000; ++i) {
    const auto reply = client.read_reply();
    ASSERT_TRUE(reply) << i;
    ASSERT_EQ(reply->body, "GET /" + std::to_string(i) + " 127.0.0.1 {}");
  }
  sender.join();
}

TEST_F(TheServer, SendsNoBodyToHeadButItsLength) {
  start();
  Client client = connect();
  client.send(request("/big?1000", "", "", "HEAD") + request("/next"));
  const auto reply = client.read_reply(true);
  EXPECT_TRUE(reply->has("Content-Length: 1000"));
  EXPECT_EQ(client.read_reply()->body, "GET /next 127.0.0.1 {}");
}

TEST_F(TheServer, ClosesAfterHttp10UnlessAskedToKeep) {
  start();
  Client client = connect();
  client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(client.read_reply()->has("Connection: keep-alive"));
  client.send("GET /b HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.read_reply()->has("Connection: close"));
  EXPECT_TRUE(client.at_end());
}

TEST_F(TheServer, ClosesWhenAskedToAndReadsNothingAfterIt) {
  start();
  Client client = connect();
  client.send(request("/a", "Connection: close\r\n") + request("/b"));
  EXPECT_TRUE(client.read_reply()->has("Connection: close"));
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(handler.requests, 1);
}

TEST_F(TheServer, SaysContinueOnlyAfterTheHeadWasAccepted) {
  handler.head_hook = [](Exchange& exchange) -> std::optional<Response> {
    if (exchange.head.target() == "/refused") return text("no", 403);
    return std::nullopt;
  };
  start();
  Client client = connect();
  client.send(request("/a", "Expect: 100-continue\r\nContent-Length: 5\r\n", "", "POST"));
  EXPECT_EQ(client.read_reply()->status, 100);
  client.send("hello");
  EXPECT_EQ(client.read_reply()->body, "POST /a 127.0.0.1 {hello}");
  client.send(request("/refused", "Expect: 100-continue\r\nContent-Length: 5\r\n", "", "POST"));
  const auto reply = client.read_reply();
  EXPECT_EQ(reply->status, 403);
  EXPECT_TRUE(reply->has("Connection: close"));
  EXPECT_TRUE(client.at_end());
}

TEST_F(TheServer, DoesNotSayContinueToABodyThatHasCome) {
  start();
  Client client = connect();
  client.send(request("/a", "Expect: 100-continue\r\nContent-Length: 5\r\n", "hello", "POST"));
  EXPECT_EQ(client.read_reply()->status, 200);
}

TEST_F(TheServer, ReadsASmallBodyThatTheHeadRefused) {
  handler.head_hook = [](Exchange& exchange) -> std::optional<Response> {
    if (exchange.head.method() == "POST") return text("no", 403);
    return std::nullopt;
  };
  start();
  Client client = connect();
  client.send(post("/a", string(60'000, 'x')) + request("/next"));
  EXPECT_EQ(client.read_reply()->status, 403);
  EXPECT_EQ(client.read_reply()->body, "GET /next 127.0.0.1 {}");
  client.send(request("/b", "Content-Length: 10000000\r\n", "", "POST"));
  EXPECT_TRUE(client.read_reply()->has("Connection: close")) << "a large one is not waited for";
  EXPECT_EQ(handler.requests, 1);
}

TEST_F(TheServer, HandsOnWhatTheHeadLeftBehind) {
  handler.head_hook = [](Exchange& exchange) -> std::optional<Response> {
    EXPECT_TRUE(exchange.body.empty());
    EXPECT_EQ(exchange.peer, "127.0.0.1");
    static_cast<TestExchange&>(exchange).left = "from the head";
    return std::nullopt;
  };
  handler.request_hook = [](const ExchangePtr& whole, Responder responder) {
    responder.send(text(static_cast<TestExchange&>(*whole).left));
  };
  start();
  Client client = connect();
  client.send(post("/a", "hello"));
  EXPECT_EQ(client.read_reply()->body, "from the head");
}

TEST_F(TheServer, AnswersFiveHundredForAResponderThatIsDropped) {
  handler.request_hook = [](const ExchangePtr& /*exchange*/, const Responder& /*dropped*/) {};
  start();
  Client client = connect();
  client.send(request("/a"));
  EXPECT_EQ(client.read_reply()->status, 500);
  EXPECT_TRUE(client.send(request("/b")));
  EXPECT_EQ(client.read_reply()->status, 500);
}

TEST_F(TheServer, AnswersFiveHundredForAHandlerThatThrows) {
  handler.request_hook = [](const ExchangePtr& /*exchange*/, const Responder& /*dropped*/) {
    throw std::runtime_error("oops");
  };
  start();
  Client client = connect();
  client.send(request("/a"));
  EXPECT_EQ(client.read_reply()->status, 500);
}

TEST_F(TheServer, CountsTheFirstAnswerOnly) {
  handler.request_hook = [](const ExchangePtr& /*exchange*/, Responder responder) {
    responder.send(text("first"));
    responder.send(text("second"));
  };
  start();
  Client client = connect();
  client.send(request("/a"));
  EXPECT_EQ(client.read_reply()->body, "first");
  client.send(request("/b"));
  EXPECT_EQ(client.read_reply()->body, "first");
}

TEST_F(TheServer, NeverLetsAHeaderEndTheHead) {
  handler.request_hook = [](const ExchangePtr& asked, Responder responder) {
    Response response = text("body");
    const string what(asked->head.target().substr(1));
    if (what == "value") response.headers.add("X-A", "1\r\nX-Evil: 1");
    if (what == "nul") response.headers.add("X-A", string("1\0", 2));
    if (what == "name") response.headers.add("X-Evil: 1\r\nX", "1");
    if (what == "status") response.status = 99;
    responder.send(std::move(response));
  };
  start();
  Client client = connect();
  for (const char* what : {"value", "nul", "name", "status"}) {
    client.send(request(string("/") + what));
    const auto reply = client.read_reply();
    ASSERT_TRUE(reply) << what;
    EXPECT_EQ(reply->status, 500) << what;
    EXPECT_EQ(reply->head.find("Evil"), string::npos) << what;
  }
}

TEST_F(TheServer, DecidesItselfWhereAnAnswerEnds) {
  handler.request_hook = [](const ExchangePtr& asked, Responder responder) {
    Response response = text("body");
    response.headers.add("content-length", "1");
    response.headers.add("Transfer-Encoding", "chunked");
    response.headers.add("X-A", "1");
    if (asked->head.target() == "/none") response.status = 204;
    responder.send(std::move(response));
  };
  start();
  Client client = connect();
  client.send(request("/some") + request("/none") + request("/some"));
  const auto reply = client.read_reply();
  EXPECT_EQ(reply->body, "body");
  EXPECT_EQ(reply->head.find("content-length"), string::npos);
  EXPECT_EQ(reply->head.find("Transfer"), string::npos);
  EXPECT_TRUE(reply->has("X-A: 1"));
  EXPECT_EQ(client.read_reply()->head.find("Content-Length"), string::npos) << "204 has none";
  EXPECT_EQ(client.read_reply()->body, "body");
}

TEST_F(TheServer, AnswersWhoHasClosedItsSendingSide) {
  start();
  Client quick = connect();
  quick.send(post("/echo", "hello"));
  quick.half_close();
  EXPECT_EQ(quick.read_reply()->body, "POST /echo 127.0.0.1 {hello}");
  EXPECT_TRUE(quick.at_end());

  Client patient = connect();
  patient.send(request("/wait") + request("/after"));
  patient.half_close();
  auto [held, responder] = handler.waiting.take();
  EXPECT_FALSE(held->gone());
  // Asked whether it still reads, with an interim answer, and does not mind.
  EXPECT_EQ(patient.read_reply()->status, 100);
  EXPECT_FALSE(held->gone());
  responder.send(text("late"));
  EXPECT_EQ(patient.read_reply()->body, "late");
  EXPECT_EQ(patient.read_reply()->body, "GET /after 127.0.0.1 {}");
  EXPECT_TRUE(patient.at_end());
}

TEST_F(TheServer, SendsNoInterimAnswerToHttp10) {
  start();
  Client client = connect();
  client.send("GET /wait HTTP/1.0\r\n\r\n");
  client.half_close();
  auto [held, responder] = handler.waiting.take();
  EXPECT_FALSE(client.readable_within(900ms));
  responder.send(text("late"));
  EXPECT_EQ(client.read_reply()->body, "late");
}

TEST_F(TheServer, TellsWhenTheCallerIsGone) {
  start();
  for (const bool hard : {false, true}) {
    Client client = connect();
    client.send(request("/wait"));
    auto [held, responder] = handler.waiting.take();
    EXPECT_FALSE(held->gone());
    if (hard) {
      client.reset();
    } else {
      client.close();
    }
    EXPECT_TRUE(eventually([&h = held] { return h->gone(); })) << "hard " << hard;
    EXPECT_TRUE(eventually([&] { return counters().open == 0; }));
    const auto dropped = counters().answers_dropped.load();
    responder.send(text("for nobody"));
    EXPECT_TRUE(eventually([&] { return counters().answers_dropped == dropped + 1; }));
  }
}

TEST_F(TheServer, TellsWhenACallerWhoPipelinedIsGone) {
  start();
  Client client = connect();
  client.send(request("/wait") + request("/after"));
  auto [held, responder] = handler.waiting.take();
  client.send(request("/more"));
  EXPECT_EQ(events_at_rest(), 0U) << "unread bytes must not spin";
  client.close();
  EXPECT_TRUE(eventually([&h = held] { return h->gone(); }));
}

TEST_F(TheServer, ServesBothFamiliesOnOneSocket) {
  options.address = "::";
  start();
  Client v4 = connect();
  v4.send(request("/a"));
  EXPECT_EQ(v4.read_reply()->body, "GET /a 127.0.0.1 {}") << "never as ::ffff:127.0.0.1";
  Client v6 = Client::to_v6(server->port());
  v6.send(request("/a"));
  EXPECT_EQ(v6.read_reply()->body, "GET /a ::1 {}");
}

TEST_F(TheServer, LetsNobodyWaitBeforeItCanAnswer) {
  auto made = Server::create(options, handler);
  ASSERT_TRUE(made);
  server = std::move(*made);
  EXPECT_FALSE(Client().connect(server->port()));
  ASSERT_TRUE(server->start());
  EXPECT_TRUE(still_serves());
}

TEST_F(TheServer, SaysAtItsStartThatItsPortWasTakenMeanwhile) {
  auto slow = Server::create(options, handler);
  ASSERT_TRUE(slow);
  options.port = (*slow)->port();
  start();
  const auto status = (*slow)->start();
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("cannot listen on 127.0.0.1 port"), string::npos);
  EXPECT_TRUE(still_serves());
}

TEST_F(TheServer, RefusesAPortThatIsTakenAndSaysSo) {
  start();
  Options second = options;
  second.port = server->port();
  const auto made = Server::create(second, handler);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("127.0.0.1 port " + std::to_string(second.port)),
            string::npos)
      << made.error().message;
}

TEST_F(TheServer, RefusesOptionsThatMakeNoSense) {
  Options name = options;
  name.address = "localhost";
  Options block = options;
  block.proxies = {"10.0.0.0/99"};
  Options head = options;
  head.limits.max_head = 1 << 20;
  Options rate = options;
  rate.limits.min_rate = 0;
  for (const auto& bad : {name, block, head, rate}) EXPECT_FALSE(Server::create(bad, handler));
}

TEST_F(TheServer, BindsTheSamePortAgainAfterAStop) {
  start();
  options.port = server->port();
  EXPECT_TRUE(still_serves());
  server.reset();
  start();
  EXPECT_TRUE(still_serves());
}

TEST_F(TheServer, StopsWithRequestsUnderWayAndWithoutHavingStarted) {
  const auto never_started = Server::create(options, handler);
  ASSERT_TRUE(never_started);
  EXPECT_TRUE((*never_started)->drain(1s));
  start();
  Client client = connect();
  client.send(request("/wait"));
  auto [held, responder] = handler.waiting.take();
  server->stop();
  EXPECT_TRUE(held->gone());
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(counters().open, 0U);
  const auto dropped = counters().answers_dropped.load();
  responder.send(text("late"));
  EXPECT_EQ(counters().answers_dropped, dropped + 1);
  server.reset();
  Responder moved = std::move(responder);
  EXPECT_TRUE(held->gone());
}

TEST_F(TheServer, DrainsWithRequestsUnderWay) {
  start();
  Client idle = connect();
  idle.send(request("/a"));
  EXPECT_EQ(idle.read_reply()->status, 200);
  Client busy = connect();
  busy.send(request("/wait"));
  auto [held, responder] = handler.waiting.take();
  Client half = connect();
  half.send("POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  ASSERT_TRUE(eventually([&] { return handler.heads == 3; }));

  EXPECT_FALSE(server->drain(50ms)) << "two are under way";
  EXPECT_TRUE(idle.at_end());
  EXPECT_FALSE(Client().connect(server->port()));
  responder.send(text("done"));
  half.send("llo");
  for (Client* client : {&busy, &half}) {
    const auto reply = client->read_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_TRUE(reply->has("Connection: close"));
    EXPECT_TRUE(client->at_end());
    client->close();
  }
  EXPECT_TRUE(server->drain(5s));
  EXPECT_EQ(counters().open, 0U);
}

TEST_F(TheServer, AnswersWhatHadArrivedWhenDrainingBegan) {
  options.threads = 1;
  std::promise<void> go_on;
  handler.request_hook = [&, blocked = go_on.get_future().share()](const ExchangePtr& asked,
                                                                   Responder responder) {
    if (asked->head.target() == "/block") blocked.wait();  // as no handler should
    responder.send(text(string(asked->head.target())));
  };
  start();
  Client blocking = connect();
  blocking.send(request("/block"));
  ASSERT_TRUE(eventually([&] { return handler.requests == 1; }));
  Client unaccepted = connect();
  unaccepted.send(request("/arrived"));
  EXPECT_FALSE(server->drain(1ms));
  go_on.set_value();
  EXPECT_EQ(unaccepted.read_reply()->body, "/arrived");
}

TEST_F(TheServer, BelievesAProxyThatTheOperatorNamed) {
  options.proxies = {"127.0.0.0/8"};
  start();
  Client client = connect();
  const string header = proxy_v2(0x21, 0x11, v4_addresses() + "tlv");
  client.send(header.substr(0, 7));
  client.send(header.substr(7) + request("/a"));
  EXPECT_EQ(client.read_reply()->body, "GET /a 203.0.113.9 {}");
  client.send(request("/b"));
  EXPECT_EQ(client.read_reply()->body, "GET /b 203.0.113.9 {}");
  Client v6 = connect();
  v6.send(proxy_v2(0x21, 0x21, v6_addresses()) + request("/a"));
  EXPECT_EQ(v6.read_reply()->body, "GET /a 2001:db8::9 {}");
  Client local = connect();
  local.send(proxy_v2(0x20, 0, "") + request("/a"));
  EXPECT_EQ(local.read_reply()->body, "GET /a 127.0.0.1 {}");
}

TEST_F(TheServer, BelievesWhatAProxySaysInEachRequest) {
  options.proxies = {"127.0.0.0/8"};
  start();
  Client client = connect();
  client.send(request("/a", "X-Forwarded-For: 203.0.113.9\r\n"));
  EXPECT_EQ(client.read_reply()->body, "GET /a 203.0.113.9 {}");
  client.send(request("/b", "Forwarded: for=\"[2001:db8::9]\"\r\n"));
  EXPECT_EQ(client.read_reply()->body, "GET /b 2001:db8::9 {}");
  client.send(request("/c"));
  EXPECT_EQ(client.read_reply()->body, "GET /c 127.0.0.1 {}");
  client.send(request("/d", "Forwarded: for=\"\r\n"));
  EXPECT_EQ(client.read_reply()->status, 400);
  EXPECT_TRUE(client.at_end());

  Client post = connect();
  post.send("P");
  post.send(request("/e", "Content-Length: 0\r\n", "", "POST").substr(1));
  EXPECT_EQ(post.read_reply()->body, "POST /e 127.0.0.1 {}");

  Client v1 = connect();
  v1.send(string("PROX"));
  v1.send(string(kProxyV1).substr(4) + request("/a", "X-Forwarded-For: 192.0.2.1\r\n"));
  EXPECT_EQ(v1.read_reply()->body, "GET /a 203.0.113.9 {}") << "who is no proxy says nothing";
  Client chained = connect();
  chained.send("PROXY TCP4 127.0.0.9 127.0.0.1 1 2\r\n" +
               request("/a", "X-Forwarded-For: 192.0.2.1\r\n"));
  EXPECT_EQ(chained.read_reply()->body, "GET /a 192.0.2.1 {}");
  Client broken = connect();
  broken.send("PROXY TCP4 nobody\r\n" + request("/a"));
  EXPECT_TRUE(broken.at_end());
}

TEST_F(TheServer, BelievesNobodyElsesForwarded) {
  options.proxies = {"192.0.2.1"};
  start();
  Client client = connect();
  client.send(request("/a", "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=\"\r\n"));
  EXPECT_EQ(client.read_reply()->body, "GET /a 127.0.0.1 {}");
}

TEST_F(TheServer, TellsOfAProxyThatDoesNotSayWhoCalls) {
  options.proxies = {"127.0.0.0/8"};
  start();
  const auto ask = [&](const string& begin, const string& headers = "") {
    Client client = connect();
    client.send(begin + request("/a", headers));
    EXPECT_EQ(client.read_reply()->status, 200);
  };
  ask("", "X-Forwarded-For: 203.0.113.9\r\n");
  ask("", "Forwarded: for=unknown\r\n");
  ask("PROXY UNKNOWN\r\n");
  ask(proxy_v2(0x20, 0, ""));
  EXPECT_EQ(handler.unnamed, 0);
  ask("");
  EXPECT_EQ(handler.unnamed, 1);
}

TEST_F(TheServer, NeitherLimitsNorShutsOutAProxyItself) {
  options.proxies = {"127.0.0.1"};
  options.limits.max_connections_per_ip = 1;
  handler.welcome_hook = [](const base::IpAddress&) { return false; };
  start();
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(connect());
    clients.back().send(request("/a"));
    EXPECT_EQ(clients.back().read_reply()->status, 200);
  }
}

TEST_F(TheServer, BelievesNobodyElsesProxyHeader) {
  options.proxies = {"192.0.2.1"};
  start();
  Client client = connect();
  client.send(proxy_v2(0x21, 0x11, v4_addresses()) + request("/a"));
  EXPECT_EQ(client.read_reply()->status, 400);
  EXPECT_EQ(handler.heads, 0);
}

TEST_F(TheServer, CountsCallersBehindAProxyByTheirOwnAddress) {
  options.proxies = {"127.0.0.1"};
  options.limits.max_connections_per_ip = 1;
  start();
  Client v4 = connect();
  v4.send(proxy_v2(0x21, 0x11, v4_addresses()) + request("/a"));
  EXPECT_EQ(v4.read_reply()->status, 200);
  Client v6 = connect();
  v6.send(proxy_v2(0x21, 0x21, v6_addresses()) + request("/a"));
  EXPECT_EQ(v6.read_reply()->status, 200);
  Client again = connect();
  again.send(proxy_v2(0x21, 0x11, v4_addresses()) + request("/a"));
  EXPECT_EQ(again.read_reply()->status, 503);
}

TEST_F(TheServer, ClosesOnWhomItsHandlerDoesNotWelcome) {
  std::atomic<bool> welcome{false};
  handler.welcome_hook = [&](const base::IpAddress& caller) {
    return welcome || caller.text() != "127.0.0.1";
  };
  start();
  Client shut_out = connect();
  EXPECT_TRUE(shut_out.at_end());
  EXPECT_EQ(counters().shut_out, 1U);
  EXPECT_EQ(counters().open, 0U);
  welcome = true;
  EXPECT_TRUE(still_serves());
  EXPECT_EQ(handler.heads, 1);
}

TEST_F(TheServer, AsksWhetherItWelcomesTheCallerThatAProxyNames) {
  options.proxies = {"127.0.0.1"};
  handler.welcome_hook = [](const base::IpAddress& caller) {
    return caller.text() != "203.0.113.9";
  };
  start();
  Client shut_out = connect();
  shut_out.send(proxy_v2(0x21, 0x11, v4_addresses()) + request("/a"));
  EXPECT_TRUE(shut_out.at_end());
  EXPECT_EQ(counters().shut_out, 1U);
  Client other = connect();
  other.send(proxy_v2(0x21, 0x21, v6_addresses()) + request("/a"));
  EXPECT_EQ(other.read_reply()->status, 200);
}

TEST_F(TheServer, EndsAConnectionAfterAnAnswerThatSaysSo) {
  handler.head_hook = [](Exchange& exchange) {
    auto answer = text("enough", 429);
    answer.close = exchange.head.target() == "/close";
    return std::optional(answer);
  };
  start();
  Client client = connect();
  client.send(request("/stay"));
  EXPECT_EQ(client.read_reply()->status, 429);
  client.send(request("/close"));
  const auto last = client.read_reply();
  EXPECT_EQ(last->status, 429);
  EXPECT_TRUE(last->has("Connection: close"));
  EXPECT_TRUE(client.at_end());
}

TEST_F(TheServer, TellsOfAnAnswerBeforeItsLastBytesAndNotLongBefore) {
  start();
  Client slow = connect_slow();
  slow.send(request("/big?12000000"));
  ASSERT_TRUE(eventually([&] { return handler.requests == 1; }));
  EXPECT_EQ(events_at_rest(), 0U);
  EXPECT_EQ(handler.answered, 0) << "of 12 MB the kernel has not taken all but the last";
  EXPECT_EQ(slow.read_reply()->body.size(), 12'000'000U);
  EXPECT_EQ(handler.answered, 1);
  slow.send(request("/small"));
  EXPECT_EQ(slow.read_reply()->status, 200);
  EXPECT_EQ(handler.answered, 2);
  slow.send(request("/big?12000000"));
  ASSERT_TRUE(eventually([&] { return handler.requests == 3; }));
  slow.close();
  EXPECT_TRUE(eventually([&] { return handler.answered == 3; })) << "nor when its peer has gone";
}

// ---- what its reactors share

TEST(AMailbox, DropsWhatNobodyHasTakenWhenItCloses) {
  TestHandler handler;
  const auto shared = std::make_shared<Shared>(Limits{}, std::vector<base::Network>{}, handler);
  const auto mailbox = std::make_shared<Mailbox>(shared);
  const auto post = [&] {
    const ExchangePtr exchange(new TestExchange);
    exchange->open(mailbox);
    exchange->take_responder().send(text("answer"));
  };
  post();
  mailbox->collect();
  post();
  EXPECT_EQ(shared->counters.answers_dropped, 0U);
  mailbox->close();
  EXPECT_EQ(shared->counters.answers_dropped, 2U) << "one that was collected, and one that was not";
  EXPECT_EQ(shared->budgets.response_bytes.held(), 0U);
  post();
  EXPECT_EQ(shared->counters.answers_dropped, 3U);
}

TEST(ADrain, EndsWithTheLastReactorOrTheLastConnection) {
  TestHandler handler;
  for (int i = 0; i < 50; ++i) {  // whichever comes first, the event or who waits for it
    Shared shared(Limits{}, {}, handler);
    shared.advance_to(Shared::Phase::draining);
    std::thread reactor([&] { shared.phase_followed(); });
    EXPECT_TRUE(shared.wait_until_empty(std::chrono::steady_clock::now() + 1h, 1));
    reactor.join();
    ++shared.counters.open;
    std::thread connection([&] { shared.connection_closed(); });
    EXPECT_TRUE(shared.wait_until_empty(std::chrono::steady_clock::now() + 1h, 1));
    connection.join();
  }
}

}  // namespace
}  // namespace dojo::net
