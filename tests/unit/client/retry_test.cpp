// When the client tries again, how often, and after which waits.
#include <array>
#include <atomic>
#include <ctime>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models.hpp"

namespace dojo::testing {
namespace {

using Kind = SendError::Kind;
using std::chrono::milliseconds;

Reply status(int code) {
  return {.status = code, .body = R"({"body":{},"error":"no","metadata":{}})"};
}

milliseconds between(const Seen& a, const Seen& b) {
  return std::chrono::duration_cast<milliseconds>(b.when - a.when);
}

class RetriedStatus : public ::testing::TestWithParam<int> {};

TEST_P(RetriedStatus, IsTriedAgain) {
  ScriptedPeer peer([](const Seen&) { return status(GetParam()); });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{}, quick());
  EXPECT_EQ(peer.seen().size(), 2U);
  EXPECT_EQ(answer.client_response.attempts, 2);
  EXPECT_EQ(answer.client_response.status, GetParam());
  EXPECT_EQ(answer.error, "no");
  EXPECT_EQ(kind_of(answer.exception), Kind::status);
}

INSTANTIATE_TEST_SUITE_P(Transient, RetriedStatus,
                         ::testing::Values(408, 425, 429, 500, 502, 503, 504));

class FinalStatus : public ::testing::TestWithParam<int> {};

TEST_P(FinalStatus, IsNotTriedAgain) {
  ScriptedPeer peer([](const Seen&) { return status(GetParam()); });
  Client client(key());
  EXPECT_EQ(client.send(peer.url(), Echo{}, quick()).client_response.attempts, 1);
  EXPECT_EQ(peer.seen().size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Lasting, FinalStatus,
                         ::testing::Values(200, 302, 400, 401, 403, 404, 405, 413, 422, 501));

TEST(Retry, SignsEveryAttemptAnew) {
  Client client(key());
  auto options = quick();
  options.max_retries = 3;
  options.preflight = Preflight::always;
  ScriptedPeer admitting(
      [](const Seen& seen) { return status(seen.method == "HEAD" ? 200 : 503); });
  client.send(admitting.url(), Echo{}, options);
  const auto seen = admitting.seen();
  ASSERT_EQ(seen.size(), 6U);
  std::set<std::string> signatures;
  std::set<wire::Nonce> nonces;
  for (const auto& request : seen) {
    EXPECT_TRUE(request.signed_well());
    ASSERT_TRUE(request.statement());
    nonces.insert(request.statement()->nonce);
    signatures.insert(request.header("x-signature"));
  }
  EXPECT_EQ(nonces.size(), 6U);
  EXPECT_EQ(signatures.size(), 6U);
  EXPECT_GT(seen[4].statement()->time, seen[0].statement()->time);
}

TEST(Retry, AnswersOnceItIsBetter) {
  int requests = 0;
  ScriptedPeer peer([&](const Seen&) { return ++requests < 3 ? status(502) : Reply{}; });
  Client client(key());
  auto options = quick();
  options.max_retries = 5;
  const auto answer = client.send(peer.url(), Echo{}, options);
  EXPECT_TRUE(answer.ok());
  EXPECT_EQ(answer.client_response.attempts, 3);
}

TEST(Retry, DoublesTheWaitUpToItsCap) {
  ScriptedPeer peer([](const Seen&) { return status(500); });
  Client client(key());
  SendOptions options;
  options.max_retries = 4;
  options.wait_exponential_factor = 0.1;
  options.max_wait = 150ms;
  const auto answer = client.send(peer.url(), Echo{}, options);
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 4U);
  const std::vector<milliseconds> expected = {100ms, 150ms, 150ms};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_GE(between(seen[i], seen[i + 1]), expected[i]);
  }
  EXPECT_GE(answer.client_response.timings.backoff, 400ms);
  EXPECT_LT(answer.client_response.timings.backoff, 650ms) << "without the cap it would be 700 ms";
}

TEST(Retry, JitterShortensTheWait) {
  ScriptedPeer peer([](const Seen&) { return status(500); });
  Client client(key());
  SendOptions options;
  options.max_retries = 6;
  options.wait_exponential_factor = 10;
  options.max_wait = 100ms;
  options.jitter = true;
  const auto answer = client.send(peer.url(), Echo{}, options);
  // Five waits of at most 100 ms each: all of them whole has no measurable chance.
  EXPECT_LT(answer.client_response.timings.backoff, 490ms);
}

TEST(Retry, HonoursRetryAfterInSeconds) {
  ScriptedPeer peer([](const Seen&) {
    auto reply = status(429);
    reply.headers = {{"Retry-After", "1"}};
    return reply;
  });
  Client client(key());
  client.send(peer.url(), Echo{}, quick());
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_GE(between(seen[0], seen[1]), 1000ms);
  EXPECT_LT(between(seen[0], seen[1]), 2000ms);
}

TEST(Retry, HonoursRetryAfterAsADate) {
  ScriptedPeer peer([](const Seen&) {
    const std::time_t then = std::time(nullptr) + 2;
    std::array<char, 64> date{};
    std::tm parts{};
    std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &parts));
    auto reply = status(503);
    reply.headers = {{"Retry-After", date.data()}};
    return reply;
  });
  Client client(key());
  client.send(peer.url(), Echo{}, quick());
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_GE(between(seen[0], seen[1]), 900ms) << "a date has whole seconds";
  EXPECT_LT(between(seen[0], seen[1]), 3000ms);
}

TEST(Retry, CutsALongRetryAfter) {
  ScriptedPeer peer([](const Seen&) {
    auto reply = status(503);
    reply.headers = {{"Retry-After", "3600"}};
    return reply;
  });
  Client client(key());
  auto options = quick();
  options.max_retry_after = 200ms;
  client.send(peer.url(), Echo{}, options);
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_GE(between(seen[0], seen[1]), 200ms);
  EXPECT_LT(between(seen[0], seen[1]), 700ms);
}

TEST(Retry, TriesAgainAfterABrokenConnection) {
  int requests = 0;
  ScriptedPeer peer([&](const Seen&) { return ++requests == 1 ? Reply{.cut_after = 0} : Reply{}; });
  Client client(key());
  EXPECT_TRUE(client.send(peer.url(), Echo{}, quick()).ok());
  EXPECT_EQ(peer.seen().size(), 2U);
}

TEST(Retry, TriesAgainAfterATornAnswer) {
  ScriptedPeer peer([](const Seen&) { return Reply{.cut_after = 120}; });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{}, quick());
  EXPECT_EQ(kind_of(answer.exception), Kind::connection);
  EXPECT_EQ(peer.seen().size(), 2U);
}

// libcurl repeats a request by itself when a kept connection breaks: with the same nonce, unless it
// is signed anew.
TEST(Retry, ReplacesAKeptConnectionThatBrokeAtOnceAndSignedAnew) {
  int requests = 0;
  ScriptedPeer peer([&](const Seen&) { return ++requests == 2 ? Reply{.cut_after = 0} : Reply{}; });
  Client client(key());
  ASSERT_TRUE(client.send(peer.url(), Echo{}, quick()).ok());
  auto once = quick();
  once.max_retries = 1;
  const auto answer = client.send(peer.url(), Echo{}, once);
  EXPECT_TRUE(answer.ok()) << answer.reason();
  EXPECT_EQ(answer.client_response.attempts, 1);
  EXPECT_EQ(answer.client_response.timings.backoff.count(), 0);
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].connection, seen[1].connection);
  EXPECT_NE(seen[1].header("x-signature"), seen[2].header("x-signature"));
  ASSERT_TRUE(seen[1].statement() && seen[2].statement());
  EXPECT_NE(seen[1].statement()->nonce, seen[2].statement()->nonce);
}

TEST(Retry, NeverWaitsForAPeerThatKeepsNoConnection) {
  std::map<int, int> requests;  // by connection
  ScriptedPeer peer([&](const Seen& seen) {
    return ++requests[seen.connection] == 2 ? Reply{.cut_after = 0} : Reply{};
  });
  Client client(key());
  for (int i = 0; i < 10; ++i) {
    const auto answer = client.send(peer.url(), Echo{}, quick());
    ASSERT_TRUE(answer.ok()) << answer.reason();
    EXPECT_EQ(answer.client_response.attempts, 1);
    EXPECT_EQ(answer.client_response.timings.backoff.count(), 0);
  }
}

// More of them than libcurl has patience for.
TEST(Retry, TakesAFreshConnectionIfAllThatAreKeptBreak) {
  std::atomic<bool> broken{false};
  std::atomic<int> last_good{0};
  ScriptedPeer peer([&](const Seen& seen) {
    if (broken) return seen.connection > last_good ? Reply{} : Reply{.cut_after = 0};
    peer.wait_until_released();
    return Reply{};
  });
  Client client(key());
  auto batch = client.batch_send_async(std::vector<std::string>(10, peer.url()), Echo{});
  ASSERT_TRUE(peer.wait_for(10));
  peer.release();
  for (const auto& answer : batch.get()) ASSERT_TRUE(answer.ok());
  last_good = peer.connections();
  ASSERT_EQ(last_good, 10);
  broken = true;
  auto once = quick();
  once.max_retries = 1;
  const auto answer = client.send(peer.url(), Echo{}, once);
  EXPECT_TRUE(answer.ok()) << answer.reason();
  EXPECT_EQ(answer.client_response.attempts, 1);
}

TEST(Retry, CountsAFreshConnectionThatBroke) {
  ScriptedPeer peer([](const Seen&) { return Reply{.cut_after = 0}; });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{}, quick());
  EXPECT_EQ(kind_of(answer.exception), Kind::connection);
  EXPECT_EQ(answer.client_response.attempts, 2);
  EXPECT_EQ(peer.seen().size(), 2U);
}

TEST(Retry, CountsAKeptConnectionThatBrokeWithinTheAnswer) {
  int requests = 0;
  ScriptedPeer peer(
      [&](const Seen&) { return ++requests == 2 ? Reply{.cut_after = 60} : Reply{}; });
  Client client(key());
  ASSERT_TRUE(client.send(peer.url(), Echo{}, quick()).ok());
  const auto answer = client.send(peer.url(), Echo{}, quick());
  EXPECT_TRUE(answer.ok());
  EXPECT_EQ(answer.client_response.attempts, 2);
}

TEST(Retry, TriesAgainAfterATimeout) {
  ScriptedPeer peer([&](const Seen&) {
    peer.wait_until_released();
    return Reply{};
  });
  Client client(key());
  auto options = quick();
  options.timeout = 100ms;
  const auto answer = client.send(peer.url(), Echo{}, options);
  EXPECT_EQ(kind_of(answer.exception), Kind::timeout);
  EXPECT_EQ(answer.client_response.attempts, 2);
  EXPECT_EQ(peer.seen().size(), 2U);
}

TEST(Retry, TriesAgainIfThereIsNoOneListening) {
  std::string url;
  {
    ScriptedPeer gone([](const Seen&) { return Reply{}; });
    url = gone.url();
  }
  Client client(key());
  const auto answer = client.send(url, Echo{}, quick());
  EXPECT_EQ(kind_of(answer.exception), Kind::connection);
  EXPECT_EQ(answer.client_response.attempts, 2);
  EXPECT_EQ(answer.client_response.status, 0);
}

TEST(Retry, OneAttemptMeansOne) {
  ScriptedPeer peer([](const Seen&) { return status(503); });
  Client client(key());
  auto options = quick();
  options.max_retries = 1;
  client.send(peer.url(), Echo{}, options);
  EXPECT_EQ(peer.seen().size(), 1U);
}

TEST(Retry, AppliesToThePreflightAsWell) {
  ScriptedPeer peer([](const Seen&) { return status(503); });
  Client client(key());
  auto options = quick();
  options.preflight = Preflight::always;
  const auto answer = client.send(peer.url(), Echo{}, options);
  EXPECT_EQ(answer.client_response.status, 503);
  ASSERT_EQ(peer.seen().size(), 2U);
  EXPECT_EQ(peer.seen()[1].method, "HEAD");
}

TEST(Retry, OthersGoOnWhileOneWaits) {
  ScriptedPeer peer(
      [](const Seen& seen) { return seen.path == "/slow/Echo" ? status(503) : Reply{}; });
  ClientOptions one;
  one.max_connections = 1;
  Client client(key(), one);
  SendOptions slow;
  slow.wait_exponential_factor = 1;
  auto waiting = client.send_async(peer.url() + "/slow", Echo{}, slow);
  ASSERT_TRUE(peer.wait_for(1));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.send(peer.url(), Echo{}).ok());
  EXPECT_EQ(waiting.wait_for(0s), std::future_status::timeout);
  EXPECT_EQ(waiting.get().client_response.attempts, 2);
}

TEST(Retry, RefusesOptionsThatMeanNothing) {
  Client client(key());
  for (const SendOptions& options :
       {SendOptions{.timeout = 0ms}, SendOptions{.max_retries = 0}, SendOptions{.max_wait = -1ms},
        SendOptions{.wait_exponential_factor = -1}, SendOptions{.timeout = 48h}}) {
    EXPECT_EQ(kind_of(client.send("127.0.0.1:1", Echo{}, options).exception),
              Kind::invalid_request);
  }
}

}  // namespace
}  // namespace dojo::testing
