// The ways to a miner: names that are slow, IPv6, a proxy.
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "held_name.hpp"
#include "models.hpp"

namespace dojo::testing {
namespace {

using Kind = SendError::Kind;

constexpr const char* kSlow = "http://slow.invalid:8888";

Reply ok(const Seen&) {
  return {};
}

// Waits for an answer that has to come while the name is still held.
Kind kind_while_held(std::future<StdResponse<Echo>>& answer) {
  if (answer.wait_for(10s) != std::future_status::ready) return Kind::invalid_request;
  return kind_of(answer.get().exception).value_or(Kind::invalid_request);
}

TEST(SlowName, TimesOutWhileItIsLookedUp) {
  Client client(key());
  HeldName name("slow.invalid");
  auto answer = client.send_async(kSlow, Echo{}, {.timeout = 100ms, .max_retries = 1});
  ASSERT_TRUE(name.wait_for(1));
  EXPECT_EQ(kind_while_held(answer), Kind::timeout);
}

TEST(SlowName, KeepsNoOtherRequestWaiting) {
  ScriptedPeer peer(ok);
  Client client(key());
  HeldName name("slow.invalid");
  auto slow = client.send_async(kSlow, Echo{}, {.timeout = 100ms, .max_retries = 1});
  ASSERT_TRUE(name.wait_for(1));
  ASSERT_EQ(kind_while_held(slow), Kind::timeout);
  auto other = client.send_async(peer.url(), Echo{});
  ASSERT_EQ(other.wait_for(10s), std::future_status::ready) << "the name is still looked up";
  EXPECT_TRUE(other.get().ok());
}

TEST(SlowName, CanBeCancelled) {
  Client client(key());
  HeldName name("slow.invalid");
  std::stop_source stop;
  auto answer = client.send_async(kSlow, Echo{}, {.timeout = 60s, .stop = stop.get_token()});
  ASSERT_TRUE(name.wait_for(1));
  stop.request_stop();
  EXPECT_EQ(kind_while_held(answer), Kind::cancelled);
}

TEST(SlowName, DoesNotHoldTheClientsEnd) {
  HeldName name("slow.invalid");
  auto client = std::make_unique<Client>(key());
  auto answer = client->send_async(kSlow, Echo{}, {.timeout = 60s});
  ASSERT_TRUE(name.wait_for(1));
  auto gone = std::async(std::launch::async, [&] { client.reset(); });
  const bool went = gone.wait_for(10s) == std::future_status::ready;
  name.release();
  EXPECT_TRUE(went);
  EXPECT_EQ(kind_of(answer.get().exception), Kind::cancelled);
}

TEST(Ipv6, AnAddressStandsInBrackets) {
  ScriptedPeer peer(ok, {.ipv6 = true});
  Client client(key());
  const auto port = std::to_string(peer.port());
  for (const auto& url : {"http://[::1]:" + port, "[::1]:" + port, "[0:0:0:0:0:0:0:1]:" + port}) {
    const auto answer = client.send(url, Echo{}, quick());
    EXPECT_TRUE(answer.ok()) << url << ": " << answer.reason();
  }
  for (const auto& seen : peer.seen()) {
    EXPECT_THAT(seen.header("host"), ::testing::StartsWith("["));
    EXPECT_TRUE(seen.statement() && seen.signed_well());
  }
  EXPECT_EQ(client.send("::1:" + port, Echo{}, quick()).ok(), false);
}

TEST(Ipv6, ANameWithBothIsReachedByEither) {
  ScriptedPeer v4(ok);
  ScriptedPeer v6(ok, {.ipv6 = true});
  Client client(key());
  for (const auto* peer : {&v4, &v6}) {
    const auto answer = client.send("localhost:" + std::to_string(peer->port()), Echo{}, quick());
    EXPECT_TRUE(answer.ok()) << answer.reason();
  }
}

TEST(Proxy, CarriesRequestsToManyTargetsAtOnce) {
  constexpr std::size_t kTargets = 40;
  ScriptedPeer proxy([&](const Seen&) {
    proxy.wait_until_released();
    return Reply{};
  });
  ClientOptions options;
  options.proxy = proxy.url();
  Client client(key(), options);
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < kTargets; ++i) {
    urls.push_back("http://miner-" + std::to_string(i) + ".invalid:8888");
  }
  auto batch = client.batch_send_async(urls, Echo{});
  EXPECT_TRUE(proxy.wait_for(kTargets)) << "all that goes through the proxy counts as one host";
  proxy.release();
  for (const auto& answer : batch.get()) EXPECT_TRUE(answer.ok()) << answer.reason();
}

TEST(Proxy, KeepsTheLimitForEachTarget) {
  ScriptedPeer proxy([&](const Seen&) {
    proxy.wait_until_released();
    return Reply{};
  });
  ClientOptions options;
  options.proxy = proxy.url();
  options.max_connections_per_host = 2;
  Client client(key(), options);
  std::vector<std::string> urls(6, "http://one.invalid:8888");
  urls.insert(urls.end(), 6, "http://two.invalid:8888");
  auto batch = client.batch_send_async(urls, Echo{});
  ASSERT_TRUE(proxy.wait_for(4));
  proxy.release();
  for (const auto& answer : batch.get()) EXPECT_TRUE(answer.ok()) << answer.reason();
  EXPECT_LE(proxy.most_at_once(), 4);
}

TEST(Proxy, ThatIsNotThereIsAConnectionError) {
  ClientOptions options;
  options.proxy = "http://127.0.0.1:1";
  Client client(key(), options);
  EXPECT_EQ(kind_of(client.send("http://miner.invalid:8888", Echo{}, quick()).exception),
            Kind::connection);
}

}  // namespace
}  // namespace dojo::testing
