// Answers that are sent as they are written.
#include "net/stream.hpp"

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "fixture.hpp"

namespace dojo::net {
namespace {

using std::string;
using Wrote = Stream::Wrote;

class AStream : public ServerTest {
 protected:
  /// One whose request has just come, and whose head is on its way.
  struct Begun {
    ExchangePtr exchange;
    Stream* stream = nullptr;
    [[nodiscard]] int rooms() const {
      return static_cast<const TestExchange&>(*exchange).rooms.load();
    }
  };
  Begun begin(Client& client, const string& sent = request("/wait")) {
    client.send(sent);
    auto [exchange, responder] = handler.waiting.take();
    auto& stream = exchange->begin_stream();
    Response response;
    response.headers.add("content-type", "text/event-stream");
    responder.send(std::move(response));
    return {std::move(exchange), &stream};
  }
  /// Writes pieces of a KB until there is no room. @return how many
  static int fill(Stream& stream) {
    for (int i = 0;; ++i) {
      if (stream.write(string(1'024, 'x')) != Wrote::yes) return i;
      if (i == 100'000) {
        ADD_FAILURE() << "it takes whatever comes";
        return i;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(100));  // for what is sent meanwhile
    }
  }
};

TEST_F(AStream, IsSentAsItIsWritten) {
  start();
  Client client = connect();
  const auto begun = begin(client);
  const auto head = client.read_reply();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_TRUE(head->has("Transfer-Encoding: chunked"));
  EXPECT_FALSE(head->has("Connection: close"));
  EXPECT_EQ(head->head.find("Content-Length"), string::npos);
  for (const auto* const piece : {"one", "two", "three"}) {
    EXPECT_EQ(begun.stream->write(piece), Wrote::yes);
    EXPECT_EQ(client.read_chunk(), piece) << "before the next one is written";
  }
  EXPECT_EQ(handler.answered, 0) << "its caller has it for as long as it lasts";
  begun.stream->end(true, "last");
  EXPECT_EQ(client.read_chunks(), "last");
  EXPECT_EQ(handler.answered, 1);
  EXPECT_EQ(handler.gone, 0);
  EXPECT_EQ(begun.stream->write("more"), Wrote::gone);
  client.send(request("/next"));
  EXPECT_EQ(client.read_reply()->status, 200) << "the connection is kept";
  EXPECT_TRUE(eventually([&] { return budgets().response_bytes.held() == 0; }));
}

TEST_F(AStream, MayEndBeforeAnythingIsWritten) {
  start();
  Client client = connect();
  begin(client).stream->end(true);
  ASSERT_TRUE(client.read_reply());
  EXPECT_EQ(client.read_chunks(), "");
  client.send(request("/next"));
  EXPECT_EQ(client.read_reply()->status, 200);
}

TEST_F(AStream, MayBeginOnTheReactorsOwnThread) {
  ExchangePtr held;
  handler.request_hook = [&](ExchangePtr exchange, Responder responder) {
    auto& stream = exchange->begin_stream();
    stream.write("first ");
    held = std::move(exchange);
    responder.send({});
  };
  start();
  Client client = connect();
  client.send(request("/"));
  ASSERT_TRUE(client.read_reply());
  EXPECT_EQ(client.read_chunk(), "first ");
  held->stream()->write("second ");
  EXPECT_EQ(client.read_chunk(), "second ");
  held->stream()->end(true, "last");
  EXPECT_EQ(client.read_chunks(), "last");
}

TEST_F(AStream, ThatIsNotWholeIsSeenNotToBe) {
  start();
  Client client = connect();
  const auto begun = begin(client);
  begun.stream->write("some");
  ASSERT_TRUE(client.read_reply());
  EXPECT_EQ(client.read_chunk(), "some");
  begun.stream->write("the last");
  begun.stream->end(false);
  EXPECT_EQ(client.read_chunk(), "the last");
  EXPECT_EQ(client.read_chunk(), std::nullopt) << "the one that ends it does not come";
  EXPECT_TRUE(eventually([&] { return handler.answered > 0; }));
}

TEST_F(AStream, ToAnOldPeerEndsWithTheConnection) {
  start();
  for (const bool whole : {true, false}) {
    Client client = connect();
    const auto begun = begin(client, "GET /wait HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto head = client.read_reply();
    ASSERT_TRUE(head);
    EXPECT_EQ(head->head.find("Transfer-Encoding"), string::npos);
    EXPECT_TRUE(head->has("Connection: close"));
    begun.stream->write("some");
    EXPECT_TRUE(client.readable_within(Client::kPatience));
    begun.stream->end(whole, whole ? " more" : "");
    if (whole) {
      EXPECT_EQ(client.read_all(), "some more");
    } else {
      EXPECT_FALSE(client.ends_orderly()) << "or it would be taken for all";
    }
  }
}

TEST_F(AStream, ToHeadIsAHead) {
  start();
  Client client = connect();
  const auto begun = begin(client, request("/wait", "", "", "HEAD"));
  ASSERT_TRUE(client.read_reply(true));
  EXPECT_TRUE(eventually([&] { return begun.stream->write("x") == Wrote::gone; }));
  client.send(request("/next"));
  EXPECT_EQ(client.read_reply()->status, 200);
}

TEST_F(AStream, HoldsLittleForWhoReadsSlowly) {
  start();
  Client client = connect_slow();
  const auto begun = begin(client);
  int written = fill(*begun.stream);
  // What the peer's system takes in, what is here, and what the kernel holds.
  EXPECT_LT(written, 128) << "KB";
  EXPECT_EQ(budgets().response_bytes.held(), Stream::kCharge);
  EXPECT_EQ(begun.rooms(), 0);
  ASSERT_TRUE(client.read_reply());
  string all;
  std::thread reader([&] { all = client.read_chunks().value_or("not whole"); });
  for (int called = 0; written < 2'000;) {
    ASSERT_TRUE(eventually([&] { return begun.rooms() > called; })) << "nobody is told of room";
    ++called;
    written += fill(*begun.stream);
  }
  begun.stream->end(true);
  reader.join();
  EXPECT_EQ(all.size(), static_cast<std::size_t>(written) * 1'024) << "nothing is lost";
  EXPECT_TRUE(eventually([&] { return budgets().response_bytes.held() == 0; }));
}

TEST_F(AStream, TellsWhoWantsRoomAtOnceWhereThereIsSome) {
  start();
  Client client = connect_slow();
  const auto begun = begin(client);
  begun.stream->want_room();
  EXPECT_EQ(begun.rooms(), 1);
  fill(*begun.stream);
  begun.stream->want_room();
  EXPECT_EQ(begun.rooms(), 1);
  ASSERT_TRUE(client.read_reply());
  EXPECT_TRUE(eventually([&] { return client.read_chunk() && begun.rooms() == 2; }));
}

TEST_F(AStream, TakesALargePieceWhole) {
  start();
  Client client = connect();
  const auto begun = begin(client);
  const string large(1 << 20, 'l');
  EXPECT_EQ(begun.stream->write(large), Wrote::yes);
  begun.stream->end(true);
  ASSERT_TRUE(client.read_reply());
  EXPECT_EQ(client.read_chunks(), large);
}

TEST_F(AStream, IsGoneWithItsPeer) {
  start();
  Client client = connect_slow();
  const auto begun = begin(client);
  fill(*begun.stream);
  client.reset();
  EXPECT_TRUE(eventually([&] { return handler.gone == 1; }));
  EXPECT_TRUE(begun.exchange->gone());
  EXPECT_EQ(begun.rooms(), 1) << "who waits for room is told";
  EXPECT_EQ(begun.stream->write("x"), Wrote::gone);
  EXPECT_TRUE(eventually([&] { return budgets().response_bytes.held() == 0; }));
}

TEST_F(AStream, IsGoneWithAPeerThatWaitsForMore) {
  start();
  Client client = connect();
  const auto begun = begin(client);
  ASSERT_TRUE(client.read_reply());
  client.reset();
  EXPECT_TRUE(eventually([&] { return handler.gone == 1; })) << "before anything more is written";
}

TEST_F(AStream, GoesOnForAPeerThatHasNothingMoreToSay) {
  start();
  Client client = connect();
  const auto begun = begin(client);
  ASSERT_TRUE(client.read_reply());
  client.half_close();
  begun.stream->write("some");
  EXPECT_EQ(client.read_chunk(), "some");
  const auto events = events_at_rest();
  EXPECT_EQ(events, 0U) << "its FIN keeps no reactor busy";
  begun.stream->end(true, "more");
  EXPECT_EQ(client.read_chunks(), "more") << "and no 100 Continue in the midst of it";
}

TEST_F(AStream, KeepsWhatIsSentMeanwhileForLater) {
  start();
  Client client = connect();
  const auto begun = begin(client);
  client.send(request("/next"));
  ASSERT_TRUE(client.read_reply());
  EXPECT_EQ(events_at_rest(), 0U);
  begun.stream->end(true, "all");
  EXPECT_EQ(client.read_chunks(), "all");
  EXPECT_EQ(client.read_reply()->status, 200);
}

TEST_F(AStream, EndsIfNothingMoreIsWritten) {
  options.limits.stream_idle = 100ms;
  start();
  Client client = connect();
  const auto begun = begin(client);
  ASSERT_TRUE(client.read_reply());
  EXPECT_EQ(client.read_chunk(), std::nullopt);
  EXPECT_TRUE(eventually([&] { return handler.gone == 1; }));
  EXPECT_EQ(counters().timeouts, 1U);
}

TEST_F(AStream, EndsAtItsTime) {
  options.limits.stream_time = 300ms;
  start();
  Client client = connect();
  const auto begun = begin(client);
  ASSERT_TRUE(client.read_reply());
  EXPECT_TRUE(eventually([&] {
    std::this_thread::sleep_for(10ms);
    return begun.stream->write("x") == Wrote::gone;
  })) << "however much is written";
  EXPECT_EQ(client.read_chunks(), std::nullopt);
  EXPECT_EQ(counters().timeouts, 1U);
}

TEST_F(AStream, EndsForWhoDoesNotRead) {
  options.limits.write_grace = 200ms;
  start();
  Client client = connect_slow();
  const auto begun = begin(client);
  fill(*begun.stream);
  EXPECT_TRUE(eventually([&] { return handler.gone == 1; }));
  EXPECT_EQ(counters().timeouts, 1U);
  EXPECT_EQ(begun.rooms(), 1);
}

TEST_F(AStream, IsRefusedWhereThereIsNoRoom) {
  options.limits.max_response_bytes = 200'000;
  start();
  std::vector<Client> clients;
  std::vector<Begun> begun;
  int refused = 0;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(connect());
    begun.push_back(begin(clients.back()));
    const auto head = clients.back().read_reply();
    ASSERT_TRUE(head);
    if (head->status == 200) continue;
    ++refused;
    EXPECT_EQ(head->status, 503);
    EXPECT_EQ(begun.back().stream->write("x"), Wrote::gone);
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 4);
}

TEST_F(AStream, IsWaitedForWhenTheServerDrains) {
  start();
  Client client = connect();
  const auto begun = begin(client);
  ASSERT_TRUE(client.read_reply());
  std::thread draining([&] { EXPECT_TRUE(server->drain(10s)); });
  EXPECT_TRUE(eventually([&] { return !Client().connect(server->port()); }));
  begun.stream->end(true, "all");
  EXPECT_EQ(client.read_chunks(), "all");
  draining.join();
}

TEST_F(AStream, IsGoneWithTheServer) {
  start();
  Client client = connect();
  const auto begun = begin(client);
  ASSERT_TRUE(client.read_reply());
  server->stop();
  EXPECT_EQ(handler.gone, 1);
  EXPECT_EQ(begun.stream->write("x"), Wrote::gone);
  server.reset();
  EXPECT_EQ(begun.stream->write("x"), Wrote::gone);
}

TEST_F(AStream, IsWrittenByOneThreadWhileAnotherSends) {
  start();
  Client client = connect();
  const auto begun = begin(client);
  string expected;
  std::thread writer([&] {
    for (int i = 0; i < 5'000; ++i) {
      const auto piece = std::to_string(i) + ' ';
      while (begun.stream->write(piece) == Wrote::full) std::this_thread::yield();
      expected += piece;
    }
    begun.stream->end(true);
  });
  ASSERT_TRUE(client.read_reply());
  const auto all = client.read_chunks();
  writer.join();
  EXPECT_EQ(all, expected);
}

}  // namespace
}  // namespace dojo::net
