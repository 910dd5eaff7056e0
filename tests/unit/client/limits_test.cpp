// What a peer may answer at most, and who may wait for whom.
#include <atomic>
#include <barrier>
#include <future>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models.hpp"

namespace dojo::testing {
namespace {

using Kind = SendError::Kind;

ClientOptions small() {
  ClientOptions options;
  options.max_response_bytes = 10'000;
  options.max_decoded_bytes = 20'000;
  return options;
}

std::string envelope_of(std::size_t letters) {
  return R"({"body":{"text":")" + std::string(letters, 'a') + R"("}})";
}

TEST(Limits, AnAnswerThatClaimsTooMuchIsNotRead) {
  ScriptedPeer peer([](const Seen&) { return Reply{.claimed_length = 1'000'000'000}; });
  Client client(key(), small());
  const auto answer = client.send(peer.url(), Echo{}, quick());
  EXPECT_EQ(kind_of(answer.exception), Kind::too_large);
  EXPECT_EQ(answer.client_response.attempts, 1);
}

TEST(Limits, AnAnswerThatGrowsTooLargeIsCutOff) {
  ScriptedPeer peer([](const Seen&) {
    std::string raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 1000; ++i) raw += "400\r\n" + std::string(1024, 'a') + "\r\n";
    return Reply{.raw = raw + "0\r\n\r\n"};
  });
  Client client(key(), small());
  const auto answer = client.send(peer.url(), Echo{}, quick());
  EXPECT_EQ(kind_of(answer.exception), Kind::too_large);
  EXPECT_LE(answer.client_response.raw_body.size(), 10'000U);
}

TEST(Limits, AnAnswerUpToTheLimitIsRead) {
  ScriptedPeer peer([](const Seen&) { return Reply{.body = envelope_of(10'000 - 20)}; });
  Client client(key(), small());
  const auto answer = client.send(peer.url(), Echo{});
  EXPECT_EQ(answer.client_response.raw_body.size(), 10'000U);
  EXPECT_TRUE(answer.ok());
}

TEST(Limits, AnAnswerThatUnpacksTooLargeIsRefused) {
  ScriptedPeer peer([](const Seen&) { return zstd_reply(envelope_of(30'000)); });
  Client client(key(), small());
  EXPECT_EQ(kind_of(client.send(peer.url(), Echo{}).exception), Kind::too_large);
}

struct Crowd {
  std::vector<std::string> texts;
};
DOJO_MODEL(Crowd, texts)

TEST(Limits, AnAnswerThatTakesManyTimesItsSizeToReadIsRefused) {
  ScriptedPeer peer([](const Seen&) {
    std::string body = R"({"body":{"texts":[""])";
    for (int i = 0; i < 400'000; ++i) body.insert(body.size() - 1, R"(,"")");
    return Reply{.body = body + "}}"};
  });
  Client client(key());
  const auto answer = client.send<Crowd>(peer.url(), Echo{});
  EXPECT_EQ(kind_of(answer.exception), Kind::too_large);
  EXPECT_THAT(answer.reason(), ::testing::HasSubstr("texts: has more members"));
}

TEST(Limits, HeadersWithoutEndAreCutOff) {
  ScriptedPeer peer([](const Seen&) {
    std::string raw = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 3000; ++i) raw += "X-Filler: " + std::string(90, 'a') + "\r\n";
    return Reply{.raw = raw};
  });
  Client client(key());
  EXPECT_EQ(kind_of(client.send(peer.url(), Echo{}, quick()).exception), Kind::too_large);
}

TEST(Limits, AHeaderLineWithoutEndIsTooLarge) {
  ScriptedPeer peer([](const Seen&) {
    return Reply{.raw = "HTTP/1.1 200 OK\r\nX-Filler: " + std::string(300'000, 'a')};
  });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{}, quick());
  EXPECT_EQ(kind_of(answer.exception), Kind::too_large);
  EXPECT_EQ(answer.client_response.attempts, 1);
}

TEST(Limits, InterimAnswersAreNotTheAnswer) {
  ScriptedPeer peer([](const Seen&) {
    return Reply{.raw =
                     "HTTP/1.1 103 Early Hints\r\nX-Dojo-Code: quota\r\n\r\n"
                     "HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n"
                     R"({"body":{"text":"hi"}})"};
  });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{});
  EXPECT_TRUE(answer.ok());
  EXPECT_FALSE(answer.code);
}

TEST(Limits, OneHostGetsTenConnections) {
  ScriptedPeer peer([&](const Seen&) {
    peer.wait_until_released();
    return Reply{};
  });
  Client client(key());
  auto batch = client.batch_send_async(std::vector<std::string>(30, peer.url()), Echo{});
  ASSERT_TRUE(peer.wait_for(10));
  // Another host's request, sent later, does not stand in that queue.
  ScriptedPeer other([](const Seen&) { return Reply{}; });
  EXPECT_TRUE(client.send(other.url(), Echo{}).ok());
  EXPECT_EQ(peer.seen().size(), 10U);
  peer.release();
  for (const auto& answer : batch.get()) EXPECT_TRUE(answer.ok());
  EXPECT_EQ(peer.most_at_once(), 10);
  EXPECT_EQ(peer.connections(), 10);
}

TEST(Limits, AllHostsTogetherGetSoMany) {
  std::barrier four(4);
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  const auto script = [&](const Seen&) {
    const int count = ++now;
    int seen = most;
    while (count > seen && !most.compare_exchange_weak(seen, count)) {
    }
    four.arrive_and_wait();  // a fifth would be counted, fewer would wait for ever
    --now;
    return Reply{};
  };
  ScriptedPeer a(script);
  ScriptedPeer b(script);
  ScriptedPeer c(script);
  ClientOptions options;
  options.max_connections = 4;
  Client client(key(), options);
  std::vector<std::string> urls;
  for (int i = 0; i < 12; ++i) urls.insert(urls.end(), {a.url(), b.url(), c.url()});
  for (const auto& answer : client.batch_send(urls, Echo{})) EXPECT_TRUE(answer.ok());
  EXPECT_EQ(most, 4);
}

TEST(Limits, AKeptConnectionGivesWayToAnotherHost) {
  ScriptedPeer a([](const Seen&) { return Reply{}; });
  ScriptedPeer b([](const Seen&) { return Reply{}; });
  ClientOptions options;
  options.max_connections = 1;
  Client client(key(), options);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(client.send(a.url(), Echo{}, quick()).ok());
    EXPECT_TRUE(client.send(b.url(), Echo{}, quick()).ok());
  }
}

TEST(Limits, TheWaitForAConnectionIsNotInTheTimeout) {
  ScriptedPeer peer([&](const Seen&) {
    peer.wait_until_released();
    return Reply{};
  });
  ClientOptions options;
  options.max_connections_per_host = 1;
  Client client(key(), options);
  SendOptions patient;
  patient.timeout = 1h;
  auto first = client.send_async(peer.url(), Echo{}, patient);
  ASSERT_TRUE(peer.wait_for(1));
  SendOptions hasty;
  hasty.timeout = 1s;
  hasty.max_retries = 1;
  auto second = client.send_async(peer.url(), Echo{}, hasty);
  EXPECT_EQ(second.wait_for(1'300ms), std::future_status::timeout) << "it waits, and for longer";
  peer.release();
  EXPECT_TRUE(first.get().ok());
  const auto answer = second.get();
  EXPECT_TRUE(answer.ok());
  EXPECT_GE(answer.client_response.timings.queued, 1s);
}

TEST(Limits, NorIsTheWaitForOneOfAllConnections) {
  ScriptedPeer a([&](const Seen&) {
    a.wait_until_released();
    return Reply{};
  });
  ScriptedPeer b([](const Seen&) { return Reply{}; });
  ClientOptions options;
  options.max_connections = 1;
  Client client(key(), options);
  SendOptions patient;
  patient.timeout = 1h;
  auto first = client.send_async(a.url(), Echo{}, patient);
  ASSERT_TRUE(a.wait_for(1));
  SendOptions hasty;
  hasty.timeout = 1s;
  hasty.max_retries = 1;
  auto second = client.send_async(b.url(), Echo{}, hasty);
  EXPECT_EQ(second.wait_for(1'300ms), std::future_status::timeout) << "it waits, and for longer";
  EXPECT_TRUE(b.seen().empty());
  a.release();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  ASSERT_EQ(b.seen().size(), 1U);
  EXPECT_GE(b.seen()[0].statement()->time - a.seen()[0].statement()->time, 1s)
      << "signed as it is sent, not as it is queued";
}

TEST(Limits, AClientWithoutConnectionsIsRefused) {
  ClientOptions none;
  none.max_connections = 0;
  EXPECT_THROW(Client(key(), none), std::invalid_argument);
}

}  // namespace
}  // namespace dojo::testing
