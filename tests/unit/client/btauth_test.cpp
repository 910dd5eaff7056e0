// Requests in btauth/1, and answers without an envelope.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "btauth_peer.hpp"

namespace dojo::testing {
namespace {

using ::testing::HasSubstr;
using Kind = SendError::Kind;

Reply bare(const Seen& seen) {
  return {.body = seen.json()};
}

TEST(SendBtauth, SignsTheRequestAsSentAndReadsTheBareAnswer) {
  ScriptedPeer peer(bare);
  const auto receiver = wire::Keypair::generate();
  for (const auto scheme : {wire::Scheme::sr25519, wire::Scheme::ed25519}) {
    const auto key = wire::Keypair::generate(scheme);
    Client client(key, btauth());
    const auto answer =
        client.send(peer.url() + "/v1%20a/", Echo{"hello"}, {.to = receiver.address(0)});
    ASSERT_TRUE(answer.ok()) << answer.reason();
    EXPECT_EQ(answer.body->text, "hello");
    const auto seen = peer.seen().back();
    EXPECT_EQ(seen.path, "/v1%20a/Echo");
    EXPECT_TRUE(signed_in_btauth(seen));
    EXPECT_EQ(seen.header("x-bittensor-hotkey"), key.address());
    EXPECT_EQ(seen.header("x-bittensor-receiver"), receiver.address());
    EXPECT_EQ(seen.header("x-bittensor-crypto"), scheme == wire::Scheme::ed25519 ? "ed25519" : "");
    for (const char* name : {"x-hotkey", "x-message", "x-signature"}) {
      EXPECT_FALSE(seen.has(name)) << name;
    }
  }
}

TEST(SendBtauth, NeedNotNameAReceiver) {
  ScriptedPeer peer(bare);
  Client client(key());
  ASSERT_TRUE(client.send(peer.url(), Echo{"hello"}, {.dialect = wire::Dialect::btauth1}).ok());
  EXPECT_FALSE(peer.seen().at(0).has("x-bittensor-receiver"));
  EXPECT_TRUE(signed_in_btauth(peer.seen().at(0)));
}

TEST(SendBtauth, NeedsNeitherZstdNorHead) {
  ScriptedPeer peer(bare);
  Client client(key(), btauth());
  const std::string text(100'000, 'x');
  ASSERT_TRUE(client.send(peer.url(), Echo{text}).ok());
  ASSERT_EQ(peer.seen().size(), 1U);
  EXPECT_EQ(peer.seen()[0].method, "POST");
  EXPECT_EQ(peer.seen()[0].body, R"({"text":")" + text + R"("})");
  EXPECT_FALSE(peer.seen()[0].has("content-encoding"));
  EXPECT_FALSE(peer.seen()[0].has("accept-encoding"));
  ASSERT_TRUE(client.send(peer.url(), Echo{"hello"}, {.preflight = Preflight::always}).ok());
  ASSERT_EQ(peer.seen().size(), 3U);
  EXPECT_EQ(peer.seen()[1].method, "HEAD");
  EXPECT_TRUE(signed_in_btauth(peer.seen()[1]));
  EXPECT_TRUE(signed_in_btauth(peer.seen()[2]));
}

TEST(SendBtauth, SignsEachAttemptAnew) {
  ScriptedPeer peer([](const Seen&) { return Reply{.status = 503}; });
  Client client(key(), btauth());
  client.send(peer.url(), Echo{}, {.max_retries = 3, .max_wait = 1ms});
  const auto seen = peer.seen();
  ASSERT_EQ(seen.size(), 3U);
  for (const auto& request : seen) EXPECT_TRUE(signed_in_btauth(request));
  EXPECT_NE(seen[0].header("x-bittensor-nonce"), seen[1].header("x-bittensor-nonce"));
  EXPECT_NE(seen[1].header("x-bittensor-nonce"), seen[2].header("x-bittensor-nonce"));
}

TEST(SendBtauth, TellsWhatAnErrorSays) {
  Reply reply;
  ScriptedPeer peer([&](const Seen&) { return reply; });
  Client client(key(), btauth());
  const auto told = [&](int status, std::string body, bool coded = false) {
    reply = {.status = status, .body = std::move(body)};
    if (coded) reply.headers = {{"x-dojo-code", "stale"}};
    const auto answer = client.send(peer.url(), Echo{}, {.max_retries = 1});
    EXPECT_EQ(kind_of(answer.exception), Kind::status);
    EXPECT_FALSE(answer.body);
    return answer;
  };
  const std::string ours = R"({"error":{"code":"stale","message":"too late","request_id":"r"}})";
  EXPECT_EQ(told(401, ours, true).error, "too late");
  EXPECT_EQ(told(401, ours, true).code, Code::stale);
  EXPECT_EQ(told(401, ours).error, "stale: too late");  // a peer's own word, which no header says
  EXPECT_EQ(told(401, R"({"detail":"nonce is older"})").error, "nonce is older");
  EXPECT_EQ(told(422, R"({"detail":[{"msg":"m"}]})").error, R"([{"msg":"m"}])");
  EXPECT_EQ(told(502, "<html>").error, std::nullopt);
}

TEST(SendBtauth, WantsJsonOfAnAnswer) {
  std::string body;
  ScriptedPeer peer([&](const Seen&) { return Reply{.body = body}; });
  Client client(key(), btauth());
  for (const auto* text : {"", "<html>", "{", "{}{}"}) {
    body = text;
    EXPECT_EQ(kind_of(client.send(peer.url(), Echo{}).exception), Kind::bad_response) << text;
  }
  body = R"({"text":5})";
  EXPECT_EQ(kind_of(client.send(peer.url(), Echo{}).exception), Kind::invalid_body);
  body = "[1]";
  const auto answer = client.send_json(peer.url(), "Echo", "{}");
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.body->text, "[1]");
}

}  // namespace
}  // namespace dojo::testing
