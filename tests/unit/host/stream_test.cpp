// Answers in chunks, through the whole host: of a plugin in its process, and of one in its own.
#include "net/stream.hpp"

#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/model.hpp>
#include <dojo/wire/signed_answer.hpp>
#include <dojo/wire/stream.hpp>

#include "host/host_test.hpp"

namespace dojo {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Facts {
  int streams = 0;
  int process = 0;
};
DOJO_MODEL(Facts, streams, process)

class Streams : public test::HostTest, public testing::WithParamInterface<plugins::Isolation> {
 protected:
  Streams() {
    add("test_streams");
    config.plugins["streams"].run.isolation = GetParam();
    config.reload.workers = 1;
    config.reload.drain = 10s;
  }
  net::Client open(const std::string& path, const std::string& body) {
    auto client = net::Client::to(server->port());
    client.send(request(path, body));
    return client;
  }
  /// One that takes in no more than it reads.
  net::Client open_slow(const std::string& path, const std::string& body) {
    net::Client client;
    client.shrink_receive_buffer(4'096);
    EXPECT_TRUE(client.connect(server->port()));
    client.send(request(path, body));
    return client;
  }
  /// What of a stream came until its end, or until it broke off.
  struct Read {
    int status = 0;
    std::string head;
    std::vector<std::string> chunks;
    std::optional<wire::StreamEnd> end;
    bool whole = false;  // HTTP's end
  };
  static Read read(net::Client& client) {
    Read read;
    const auto head = client.read_reply();
    if (!head) return read;
    read.status = head->status;
    read.head = head->head;
    wire::EventReader events;
    while (auto piece = client.read_chunk()) {
      read.whole = piece->empty();
      if (read.whole) break;
      EXPECT_TRUE(events.feed(*piece, [&](std::string_view event, std::string_view data) {
        if (event == wire::kChunkEvent) {
          EXPECT_FALSE(read.end) << "nothing comes behind the end";
          read.chunks.emplace_back(data);
        } else {
          EXPECT_EQ(event, wire::kEndEvent);
          const auto end = wire::parse_stream_end(data);
          ASSERT_TRUE(end) << data;
          read.end = *end;
        }
      }));
    }
    return read;
  }
  static std::string digest_of(const std::vector<std::string>& chunks) {
    wire::StreamDigest digest;
    for (const auto& chunk : chunks) digest.add(chunk);
    return digest.hex();
  }
  Facts facts() {
    const auto answer = ask("/Ask");
    EXPECT_TRUE(answer);
    const auto body = answer->body.substr(8);  // {"body":
    return from_json<Facts>(body.substr(0, body.find('}') + 1)).value();
  }
  bool has_ended() {
    return test::eventually([&] { return facts().streams == 0; });
  }
  void replace_plugin() {
    const auto next = folder / "test_streams.next";
    std::filesystem::copy_file(test::plugin("test_streams"), next);
    std::ofstream(next, std::ios::app) << "another";
    std::filesystem::rename(next, folder / "test_streams.so");
  }
};

TEST_P(Streams, AreEventsWithAnEnd) {
  start();
  for (const auto* const route : {"/Count", "/Written"}) {
    auto client = open(route, R"({"to":3})");
    const auto answer = read(client);
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.head, HasSubstr("content-type: text/event-stream\r\n"));
    EXPECT_THAT(answer.head, HasSubstr("x-dojo-code: ok\r\n"));
    EXPECT_THAT(answer.head, HasSubstr("x-dojo-generation: "));
    EXPECT_THAT(answer.chunks, testing::ElementsAre(R"({"n":1,"text":""})", R"({"n":2,"text":""})",
                                                    R"({"n":3,"text":""})"));
    ASSERT_TRUE(answer.end);
    EXPECT_EQ(answer.end->count, 3U);
    EXPECT_EQ(answer.end->digest, digest_of(answer.chunks));
    EXPECT_FALSE(answer.end->signature) << "dojo/1 has no signed answers";
    EXPECT_TRUE(answer.whole);
    client.send(request("/Count", R"({"to":0})"));
    const auto none = read(client);
    EXPECT_EQ(none.status, 200) << "the connection is kept";
    EXPECT_EQ(none.end->count, 0U);
  }
  EXPECT_THAT(server->metrics().text(), HasSubstr("dojo_streams_total{end=\"whole\"} 4\n"));
}

TEST_P(Streams, AreSignedAtTheEndWhereAnswersAre) {
  config.auth.btauth.sign_answers = true;
  start();
  const auto now = std::chrono::system_clock::now();
  auto statement = test::btauth_statement(caller, self.address(), now);
  statement.target = "/Count";
  const std::string body = R"({"to":20,"bytes":1000})";
  const auto head = test::btauth(caller, statement, body);
  std::string all = "Content-Length: " + std::to_string(body.size()) + "\r\n";
  for (const auto& field : head.fields)
    all += std::string(field.name_string()) + ": " + std::string(field.value()) + "\r\n";
  auto client = net::Client::to(server->port());
  client.send(net::request("/Count", all, body, "POST"));
  const auto answer = read(client);
  ASSERT_TRUE(answer.end && answer.end->signature) << answer.head;
  EXPECT_THAT(answer.head, Not(HasSubstr("x-tw-resp-signature")));
  const auto address = self.address();
  const auto values = [&](std::string_view name) -> std::vector<std::string_view> {
    if (name == wire::kAnswerSignatureHeader) return {*answer.end->signature};
    if (name == wire::kAnswerVersionHeader) return {"1"};
    if (name == wire::kAnswerCryptoHeader) return {};
    EXPECT_THAT(answer.head, HasSubstr("x-tw-resp-hotkey: " + address + "\r\n"));
    return {address};
  };
  const auto nonce = std::to_string(statement.nonce);
  const wire::AnswerStatement stated{.nonce = nonce,
                                     .sender = statement.sender,
                                     .status = 200,
                                     .body = {},
                                     .digest = answer.end->digest};
  EXPECT_EQ(answer.end->digest, digest_of(answer.chunks));
  const auto good = wire::verify_answer(stated, self.address(), values);
  EXPECT_TRUE(good) << good.error().message;
}

TEST_P(Streams, AreAnsweredAsOthersAreBeforeTheyBegin) {
  start();
  EXPECT_EQ(ask("/Count", R"({"to":"many"})")->status, 400);
  EXPECT_THAT(ask("/Count", R"({"to":3,"fails_at":1})")->body, HasSubstr("Internal server error"));
  EXPECT_EQ(facts().streams, 0);
}

TEST_P(Streams, BreakOffWhereTheyFail) {
  start();
  auto client = open("/Count", R"({"to":9,"fails_at":3})");
  const auto answer = read(client);
  EXPECT_EQ(answer.chunks.size(), 2U);
  EXPECT_FALSE(answer.end);
  EXPECT_FALSE(answer.whole);
  EXPECT_TRUE(test::eventually([&] {
    return lines.has("a handler failed after it had begun its answer");
  })) << lines.text();
  EXPECT_TRUE(lines.has("it cannot go on"));
  EXPECT_THAT(server->metrics().text(), HasSubstr("dojo_streams_total{end=\"broken\"} 1\n"));
}

TEST_P(Streams, CostNoWorkerWhereNobodyReads) {
  config.http.limits.write_grace = 60s;
  start();
  std::vector<net::Client> slow;
  constexpr std::size_t kSlow = 12;
  for (std::size_t i = 0; i < kSlow; ++i) {
    slow.push_back(open_slow("/Count", R"({"to":400,"bytes":1000})"));
  }
  EXPECT_TRUE(test::eventually([&] { return facts().streams == int{kSlow}; }))
      << "the only worker has begun all of them, and has time for who asks";
  const auto held = "dojo_budget_held{budget=\"response_bytes\"} " +
                    std::to_string(kSlow * net::Stream::kCharge) + "\n";
  EXPECT_TRUE(
      test::eventually([&] { return server->metrics().text().find(held) != std::string::npos; }));
  for (auto& client : slow) {
    const auto answer = read(client);
    EXPECT_EQ(answer.chunks.size(), 400U);
    ASSERT_TRUE(answer.end);
    EXPECT_EQ(answer.end->digest, digest_of(answer.chunks));
  }
  EXPECT_TRUE(has_ended());
}

TEST_P(Streams, EndWithTheirCaller) {
  start();
  for (const auto* const route : {"/Count", "/Written"}) {
    auto client = open_slow(route, R"({"to":10000000})");
    ASSERT_TRUE(client.read_reply());
    EXPECT_TRUE(test::eventually([&] { return facts().streams == 1; }));
    client.reset();
    EXPECT_TRUE(has_ended()) << route;
  }
  auto client = open("/Stalled", "{}");
  ASSERT_TRUE(client.read_reply());
  client.reset();
  EXPECT_TRUE(has_ended()) << "it is told, though it writes nothing";
}

TEST_P(Streams, EndAtTheirLimits) {
  config.dispatch.stream = 100'000;
  config.http.limits.stream_idle = 200ms;
  start();
  auto client = open("/Count", R"({"to":1000,"bytes":1000})");
  const auto answer = read(client);
  EXPECT_GT(answer.chunks.size(), 90U);
  EXPECT_LT(answer.chunks.size(), 100U);
  EXPECT_FALSE(answer.whole);
  EXPECT_TRUE(test::eventually([&] { return lines.has("longer than stream.max_bytes"); }))
      << lines.text();
  auto stalled = open("/Stalled", "{}");
  EXPECT_FALSE(read(stalled).whole) << "nothing comes for too long";
  EXPECT_TRUE(has_ended());
}

TEST_P(Streams, AreDrainedWhenTheirPluginIsReplaced) {
  start();
  auto client = open_slow("/Count", R"({"to":400,"bytes":1000})");
  ASSERT_TRUE(test::eventually([&] { return facts().streams == 1; }));
  replace_plugin();
  EXPECT_TRUE(test::eventually([&] { return facts().streams == 0; })) << "the next one serves";
  const auto answer = read(client);
  EXPECT_EQ(answer.chunks.size(), 400U);
  EXPECT_TRUE(answer.whole) << "the one before ends what it had begun";
  EXPECT_TRUE(test::eventually([&] { return lines.has("unloaded"); })) << lines.text();
}

TEST_P(Streams, AreBrokenOffWhenTheirPluginsTimeIsOver) {
  config.reload.drain = 50ms;
  start();
  auto slow = open_slow("/Count", R"({"to":10000000})");
  ASSERT_TRUE(test::eventually([&] { return facts().streams == 1; }));
  replace_plugin();
  EXPECT_FALSE(read(slow).whole);
  EXPECT_TRUE(test::eventually([&] { return lines.has("unloaded"); })) << lines.text();
}

TEST_P(Streams, AreWaitedForWhenTheHostGoesDown) {
  start();
  auto client = open_slow("/Count", R"({"to":400,"bytes":1000})");
  ASSERT_TRUE(test::eventually([&] { return facts().streams == 1; }));
  std::thread down([&] { EXPECT_TRUE(server->drain()); });
  const auto answer = read(client);
  EXPECT_TRUE(answer.whole);
  EXPECT_TRUE(answer.end);
  down.join();
}

TEST_P(Streams, BreakOffWithTheirProcess) {
  if (GetParam() == plugins::Isolation::thread) GTEST_SKIP() << "it is the host's";
  start();
  auto client = open_slow("/Count", R"({"to":10000000})");
  ASSERT_TRUE(client.read_reply());
  ASSERT_EQ(::kill(facts().process, SIGKILL), 0);
  while (const auto piece = client.read_chunk()) ASSERT_FALSE(piece->empty()) << "it seems whole";
  EXPECT_TRUE(test::eventually([&] { return ask("/Ask")->status == 200; }));
}

INSTANTIATE_TEST_SUITE_P(Isolation, Streams,
                         testing::Values(plugins::Isolation::thread, plugins::Isolation::process),
                         [](const auto& tested) {
                           return tested.param == plugins::Isolation::thread ? "Thread" : "Process";
                         });

}  // namespace
}  // namespace dojo
