// Many requests: their order, their bounds, their callbacks.
#include <barrier>
#include <functional>
#include <future>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models.hpp"

namespace dojo::testing {
namespace {

using Kind = SendError::Kind;

Reply echo(const Seen& seen) {
  return {.body = R"({"body":)" + seen.json() + "}"};
}

TEST(Batch, ResultsStandInTheOrderOfTheUrls) {
  // The first to come is the last to be answered.
  ScriptedPeer peer([&](const Seen& seen) {
    if (seen.json() == R"({"text":"0"})") peer.wait_until_released();
    return echo(seen);
  });
  Client client(key());
  std::vector<Echo> models;
  models.reserve(40);
  for (int i = 0; i < 40; ++i) models.push_back({std::to_string(i)});
  std::vector<std::size_t> arrived;
  BatchOptions<Echo> options;
  options.on_result = [&](std::size_t index, const StdResponse<Echo>& answer) {
    EXPECT_TRUE(answer.ok());
    arrived.push_back(index);
    if (arrived.size() == 39) peer.release();
  };
  const auto answers =
      client.batch_send(std::vector<std::string>(models.size(), peer.url()), models, options);
  ASSERT_TRUE(answers);
  ASSERT_EQ(answers->size(), models.size());
  for (std::size_t i = 0; i < models.size(); ++i) {
    ASSERT_TRUE((*answers)[i].ok());
    EXPECT_EQ((*answers)[i].body->text, std::to_string(i));
  }
  ASSERT_EQ(arrived.size(), models.size());
  EXPECT_EQ(arrived.back(), 0U);
}

TEST(Batch, OneModelGoesToAllAsTheSameBytes) {
  ScriptedPeer peer(echo);
  Client client(key());
  const auto answers = client.batch_send(std::vector<std::string>(20, peer.url()), Echo{"same"});
  ASSERT_EQ(answers.size(), 20U);
  std::set<std::string> bodies;
  std::set<std::string> signatures;
  for (const auto& seen : peer.seen()) {
    bodies.insert(seen.body);
    signatures.insert(seen.header("x-signature"));
  }
  EXPECT_EQ(bodies.size(), 1U);
  EXPECT_EQ(signatures.size(), 20U);
}

TEST(Batch, RefusesAnotherNumberOfModelsThanUrls) {
  ScriptedPeer peer(echo);
  Client client(key());
  const auto answers = client.batch_send({peer.url(), peer.url()}, std::vector<Echo>(3));
  ASSERT_FALSE(answers);
  EXPECT_THAT(answers.error().message, ::testing::HasSubstr("2 urls but 3 models"));
  EXPECT_TRUE(peer.seen().empty());
}

TEST(Batch, OfNothingIsNothing) {
  Client client(key());
  EXPECT_TRUE(client.batch_send({}, Echo{}).empty());
  EXPECT_TRUE(client.batch_send({}, std::vector<Echo>{})->empty());
}

TEST(Batch, KeepsToItsConcurrency) {
  std::barrier three(3);
  ScriptedPeer peer([&](const Seen& seen) {
    three.arrive_and_wait();  // a fourth would be counted, fewer would wait for ever
    return echo(seen);
  });
  Client client(key());
  BatchOptions<Echo> options;
  options.concurrency = 3;
  const auto answers =
      client.batch_send(std::vector<std::string>(42, peer.url()), Echo{"x"}, options);
  for (const auto& answer : answers) EXPECT_TRUE(answer.ok());
  EXPECT_EQ(peer.most_at_once(), 3);
}

TEST(Batch, GoodAndBadStandSideBySide) {
  ScriptedPeer peer(echo);
  Client client(key());
  BatchOptions<Echo> options;
  options.send = quick();
  const auto answers =
      client.batch_send({peer.url(), "127.0.0.1:1", "ftp://x", peer.url()}, Echo{"x"}, options);
  EXPECT_TRUE(answers[0].ok());
  EXPECT_EQ(kind_of(answers[1].exception), Kind::connection);
  EXPECT_EQ(kind_of(answers[2].exception), Kind::invalid_request);
  EXPECT_TRUE(answers[3].ok());
}

TEST(Batch, EachMayHaveItsReceiver) {
  ScriptedPeer peer(echo);
  Client client(key());
  const auto one = wire::Keypair::generate();
  const auto two = wire::Keypair::generate();
  BatchOptions<Echo> options;
  options.concurrency = 1;
  options.send.to = one.public_key();
  options.receivers = {std::nullopt, two.address()};
  const auto answers = client.batch_send({peer.url(), peer.url(), peer.url()}, Echo{}, options);
  EXPECT_EQ(kind_of(answers[2].exception), Kind::invalid_request) << "fewer receivers than urls";
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].statement()->to, one.public_key());
  EXPECT_EQ(seen[1].statement()->to, two.public_key());
}

TEST(Batch, ACallbackThatThrowsHarmsNoOne) {
  ScriptedPeer peer(echo);
  Client client(key());
  BatchOptions<Echo> options;
  options.on_result = [](std::size_t, const StdResponse<Echo>&) { throw std::runtime_error("oh"); };
  const auto answers = client.batch_send(std::vector<std::string>(5, peer.url()), Echo{}, options);
  for (const auto& answer : answers) EXPECT_TRUE(answer.ok());
  EXPECT_TRUE(client.send(peer.url(), Echo{}).ok());
}

TEST(Batch, CallbacksRunOnOneThreadThatIsNotTheCallers) {
  ScriptedPeer peer(echo);
  Client client(key());
  std::set<std::thread::id> threads;
  BatchOptions<Echo> options;
  options.on_result = [&](std::size_t, const StdResponse<Echo>&) {
    threads.insert(std::this_thread::get_id());
  };
  client.batch_send({peer.url(), "not a url", peer.url()}, Echo{}, options);
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

// Else a slow callback would be every other peer's time-out.
TEST(Batch, ACallbackThatTakesItsTimeHoldsNoConnection) {
  ScriptedPeer peer(echo);
  Client client(key());
  std::vector<std::future<StdResponse<Echo>>> others;
  BatchOptions<Echo> options;
  options.on_result = [&](std::size_t, const StdResponse<Echo>&) {
    for (int i = 0; i < 3; ++i) others.push_back(client.send_async(peer.url(), Echo{"other"}));
    EXPECT_TRUE(peer.wait_for(4)) << "they are sent while this runs";
  };
  client.batch_send({peer.url()}, Echo{}, options);
  for (auto& other : others) EXPECT_TRUE(other.get().ok());
}

// Set by a test: runs while the next model is read.
std::function<void()>& while_reading() {
  static std::function<void()> run;
  return run;
}

struct Slow {
  std::string text = run_once();
  static std::string run_once() {
    if (const auto run = std::exchange(while_reading(), {})) run();
    return {};
  }
};
DOJO_MODEL(Slow, text)

TEST(Batch, AnAnswerThatIsLongToReadHoldsNoConnection) {
  ScriptedPeer peer(echo);
  Client client(key());
  std::future<StdResponse<Echo>> other;
  while_reading() = [&] {
    other = client.send_async(peer.url(), Echo{"other"});
    EXPECT_TRUE(peer.wait_for(2)) << "it is sent while this runs";
  };
  EXPECT_TRUE(client.send<Slow>(peer.url(), Echo{"x"}).ok());
  EXPECT_TRUE(other.get().ok());
}

TEST(Batch, AnswersThatNobodyTakesHoldUpWhatIsSent) {
  ScriptedPeer peer(echo);
  ClientOptions narrow;
  narrow.max_connections = 2;
  Client client(key(), narrow);
  std::vector<std::future<StdResponse<Echo>>> more;
  BatchOptions<Echo> options;
  options.on_result = [&](std::size_t, const StdResponse<Echo>&) {
    for (int i = 0; i < 20; ++i) more.push_back(client.send_async(peer.url(), Echo{"more"}));
    // One answer is being handed over, and two were on their way before it was full.
    EXPECT_TRUE(peer.wait_for(2));
    EXPECT_FALSE(peer.wait_for(6, 200ms));
  };
  client.batch_send({peer.url()}, Echo{}, options);
  for (auto& one : more) EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(client.send(peer.url(), Echo{}).ok()) << "it goes on once they are taken";
}

TEST(Batch, ACallbackMaySendMore) {
  ScriptedPeer peer(echo);
  Client client(key());
  std::future<StdResponse<Echo>> more;
  BatchOptions<Echo> options;
  options.on_result = [&](std::size_t, const StdResponse<Echo>&) {
    more = client.send_async(peer.url(), Echo{"more"});
  };
  client.batch_send({peer.url()}, Echo{}, options);
  EXPECT_EQ(more.get().body->text, "more");
}

TEST(Batch, ReadsAnotherModelThanItSent) {
  ScriptedPeer peer([](const Seen&) { return Reply{.body = R"({"body":{"letters":3}})"}; });
  Client client(key());
  BatchOptions<Count> options;
  const auto answers = client.batch_send<Count>({peer.url()}, Echo{"abc"}, options);
  EXPECT_EQ(answers.at(0).body->letters, 3);
}

TEST(Batch, SendsTwoHundredAndFiftySixAtOnce) {
  std::vector<std::unique_ptr<ScriptedPeer>> peers;
  std::vector<std::string> urls;
  std::barrier all_there(256);  // nobody is answered before everybody has asked
  for (int i = 0; i < 32; ++i) {
    peers.push_back(std::make_unique<ScriptedPeer>([&](const Seen& seen) {
      all_there.arrive_and_wait();
      return echo(seen);
    }));
    for (int j = 0; j < 8; ++j) urls.push_back(peers.back()->url());
  }
  Client client(key());
  BatchOptions<Echo> options;
  options.send.timeout = 60s;
  const auto answers = client.batch_send(urls, Echo{"x"}, options);
  ASSERT_EQ(answers.size(), 256U);
  for (const auto& answer : answers) EXPECT_TRUE(answer.ok());
}

}  // namespace
}  // namespace dojo::testing
