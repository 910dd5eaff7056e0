// Cancelling at every moment of a request's life.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "models.hpp"

namespace dojo::testing {
namespace {

using Kind = SendError::Kind;

class Cancel : public ::testing::Test {
 protected:
  SendOptions stoppable() {
    auto options = quick();
    options.stop = stop_.get_token();
    return options;
  }

  // Far below every timeout and wait of these tests.
  static void expect_soon(std::future<StdResponse<Echo>>& answer) {
    ASSERT_EQ(answer.wait_for(2s), std::future_status::ready);
    EXPECT_EQ(kind_of(answer.get().exception), Kind::cancelled);
  }

  std::stop_source stop_;
};

TEST_F(Cancel, BeforeItIsSent) {
  ScriptedPeer peer([](const Seen&) { return Reply{}; });
  Client client(key());
  stop_.request_stop();
  auto answer = client.send_async(peer.url(), Echo{}, stoppable());
  expect_soon(answer);
  EXPECT_TRUE(peer.seen().empty());
}

TEST_F(Cancel, InTheQueueForAConnection) {
  ScriptedPeer peer([&](const Seen&) {
    peer.wait_until_released();
    return Reply{};
  });
  ClientOptions one;
  one.max_connections_per_host = 1;
  Client client(key(), one);
  auto first = client.send_async(peer.url(), Echo{});
  ASSERT_TRUE(peer.wait_for(1));
  auto queued = client.send_async(peer.url(), Echo{}, stoppable());
  auto last = client.send_async(peer.url(), Echo{});
  EXPECT_EQ(queued.wait_for(20ms), std::future_status::timeout);
  stop_.request_stop();
  expect_soon(queued);
  peer.release();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(last.get().ok());
  EXPECT_EQ(peer.seen().size(), 2U);
}

TEST_F(Cancel, OnTheWay) {
  ScriptedPeer peer([&](const Seen&) {
    peer.wait_until_released();
    return Reply{};
  });
  ClientOptions one;
  one.max_connections = 1;
  Client client(key(), one);
  auto answer = client.send_async(peer.url(), Echo{}, stoppable());
  ASSERT_TRUE(peer.wait_for(1));
  stop_.request_stop();
  expect_soon(answer);
  peer.release();
  EXPECT_TRUE(client.send(peer.url(), Echo{}).ok()) << "its place is free again";
}

TEST_F(Cancel, InThePreflight) {
  ScriptedPeer peer([&](const Seen&) {
    peer.wait_until_released();
    return Reply{};
  });
  Client client(key());
  auto options = stoppable();
  options.preflight = Preflight::always;
  auto answer = client.send_async(peer.url(), Echo{}, options);
  ASSERT_TRUE(peer.wait_for(1));
  stop_.request_stop();
  expect_soon(answer);
}

TEST_F(Cancel, InTheWaitForTheNextAttempt) {
  ScriptedPeer peer([](const Seen&) { return Reply{.status = 503}; });
  Client client(key());
  auto options = stoppable();
  options.wait_exponential_factor = 60;
  options.max_wait = 60s;
  auto answer = client.send_async(peer.url(), Echo{}, options);
  ASSERT_TRUE(peer.wait_for(1));
  EXPECT_EQ(answer.wait_for(50ms), std::future_status::timeout);
  stop_.request_stop();
  expect_soon(answer);
  EXPECT_EQ(peer.seen().size(), 1U);
}

TEST_F(Cancel, AfterTheAnswerChangesNothing) {
  ScriptedPeer peer([](const Seen&) { return Reply{}; });
  Client client(key());
  const auto answer = client.send(peer.url(), Echo{}, stoppable());
  stop_.request_stop();
  EXPECT_TRUE(answer.ok());
  EXPECT_TRUE(client.send(peer.url(), Echo{}).ok());
}

TEST_F(Cancel, AWholeBatch) {
  ScriptedPeer peer([&](const Seen&) {
    peer.wait_until_released();
    return Reply{};
  });
  Client client(key());
  BatchOptions<Echo> options;
  options.send = stoppable();
  options.concurrency = 3;
  auto batch = client.batch_send_async(std::vector<std::string>(50, peer.url()), Echo{}, options);
  ASSERT_TRUE(peer.wait_for(3));
  stop_.request_stop();
  ASSERT_EQ(batch.wait_for(5s), std::future_status::ready);
  for (const auto& answer : batch.get()) EXPECT_EQ(kind_of(answer.exception), Kind::cancelled);
  EXPECT_EQ(peer.seen().size(), 3U);
}

TEST_F(Cancel, FromManyThreadsWhileAnswersArrive) {
  ScriptedPeer peer([](const Seen&) { return Reply{}; });
  Client client(key());
  int answered = 0;
  int cancelled = 0;
  for (int round = 0; round < 20; ++round) {
    const auto before = peer.seen().size();
    std::stop_source stop;
    BatchOptions<Echo> options;
    options.send = quick();
    options.send.stop = stop.get_token();
    auto batch = client.batch_send_async(std::vector<std::string>(20, peer.url()), Echo{}, options);
    std::vector<std::thread> others;
    for (int i = 0; i < 4; ++i) {  // at another point of the batch each round
      others.emplace_back([&, round] {
        peer.wait_for(before + static_cast<std::size_t>(round));
        stop.request_stop();
      });
    }
    for (const auto& answer : batch.get()) {
      const bool stopped = kind_of(answer.exception) == Kind::cancelled;
      EXPECT_TRUE(answer.ok() || stopped);
      (stopped ? cancelled : answered) += 1;
    }
    for (auto& other : others) other.join();
  }
  EXPECT_GT(answered, 0);
  EXPECT_GT(cancelled, 0);
}

TEST_F(Cancel, TheClientsEndCancelsWhatIsLeft) {
  ScriptedPeer peer([&](const Seen&) {
    peer.wait_until_released();
    return Reply{};
  });
  auto client = std::make_unique<Client>(key());
  BatchOptions<Echo> options;
  options.concurrency = 2;
  auto batch = client->batch_send_async(std::vector<std::string>(10, peer.url()), Echo{}, options);
  auto single = client->send_async(peer.url(), Echo{});
  ASSERT_TRUE(peer.wait_for(3));
  client.reset();
  for (const auto& answer : batch.get()) EXPECT_EQ(kind_of(answer.exception), Kind::cancelled);
  EXPECT_EQ(kind_of(single.get().exception), Kind::cancelled);
}

TEST_F(Cancel, AClientWithoutWorkEnds) {
  const Client client(key());
}

}  // namespace
}  // namespace dojo::testing
