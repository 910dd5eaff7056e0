// Requests that are no model's: any method, path and body.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/session.hpp>

#include "btauth_peer.hpp"

namespace dojo::testing {
namespace {

using ::testing::HasSubstr;
using Kind = SendError::Kind;

Reply echo(const Seen& seen) {
  return {.headers = {{"x-own", "y"}}, .body = seen.body};
}

TEST(RawRequest, GoesAsItIsAndComesBackSo) {
  ScriptedPeer peer(echo);
  Client client(key(), btauth());
  const std::string bytes("\0\xff any \r\n bytes", 15);
  const auto answer =
      client.request(peer.url() + "/v1/a%20b?to=%2F&x",
                     {.method = "PUT", .content_type = "application/octet-stream", .body = bytes});
  ASSERT_TRUE(answer.ok()) << answer.reason();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body(), bytes);
  EXPECT_EQ(answer.header("X-Own"), "y");
  const auto seen = peer.seen().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.path, "/v1/a%20b?to=%2F&x");
  EXPECT_EQ(seen.body, bytes);
  EXPECT_EQ(seen.header("content-type"), "application/octet-stream");
  EXPECT_TRUE(signed_in_btauth(seen));
}

TEST(RawRequest, HasAnyMethodOnAnyConnection) {
  ScriptedPeer peer(echo);
  auto options = btauth();
  options.max_connections = 1;
  Client client(key(), options);
  struct Case {
    const char* method;
    const char* body;
    const char* length;  // as it is told
  };
  for (const auto& [method, body, length] :
       {Case{"POST", "a", "1"}, Case{"GET", "", ""}, Case{"HEAD", "", ""}, Case{"POST", "", "0"},
        Case{"DELETE", "", ""}, Case{"DELETE", "ab", "2"}, Case{"GET", "abc", "3"},
        Case{"PATCH", "", "0"}, Case{"HEAD", "", ""}, Case{"OPTIONS", "", ""},
        Case{"QUERY", "abcd", "4"}}) {
    const auto answer = client.request(peer.url() + "/x", {.method = method, .body = body});
    ASSERT_TRUE(answer.ok()) << method << ": " << answer.reason();
    const auto seen = peer.seen().back();
    EXPECT_EQ(seen.method, method);
    EXPECT_EQ(seen.body, body);
    EXPECT_EQ(seen.header("content-length"), length) << method;
    EXPECT_FALSE(seen.has("content-type")) << method;
    EXPECT_FALSE(seen.has("expect"));
    EXPECT_TRUE(signed_in_btauth(seen)) << method;
  }
  EXPECT_EQ(peer.connections(), 1);
  ASSERT_TRUE(client.send(peer.url(), Echo{"after all of them"}).ok());
  EXPECT_EQ(peer.seen().back().method, "POST");
}

TEST(RawRequest, HasThePathThatItsUrlHas) {
  ScriptedPeer peer(echo);
  Client client(key(), btauth());
  for (const char* path : {"/", "/?", "/a/", "/a//b/../c?", "/a?b?c=/d/", "/?x"}) {
    ASSERT_TRUE(client.request(peer.url() + path, {}).ok()) << path;
    EXPECT_EQ(peer.seen().back().path, path);
    EXPECT_TRUE(signed_in_btauth(peer.seen().back())) << path;
  }
  ASSERT_TRUE(client.request(peer.url(), {}).ok());
  EXPECT_EQ(peer.seen().back().path, "/");
  ASSERT_TRUE(client.request(peer.url() + "?x", {}).ok());
  EXPECT_EQ(peer.seen().back().path, "/?x");
  EXPECT_TRUE(signed_in_btauth(peer.seen().back()));
}

TEST(RawRequest, IsSignedWithoutItsQueryInDojo1) {
  ScriptedPeer peer(echo);
  Client client(key());
  ASSERT_TRUE(client.request(peer.url() + "/v1/x?a=b", {.method = "POST", .body = "abc"}).ok());
  auto seen = peer.seen().at(0);
  EXPECT_EQ(seen.path, "/v1/x?a=b");
  EXPECT_EQ(seen.header("content-encoding"), "zstd");
  EXPECT_EQ(seen.json(), "abc");
  seen.path = "/v1/x";
  EXPECT_TRUE(seen.statement());
  EXPECT_TRUE(seen.signed_well());
}

TEST(RawRequest, TellsOfAnErrorAndShowsItsBody) {
  ScriptedPeer peer([](const Seen& seen) {
    return Reply{.status = seen.path == "/moved" ? 302 : 404,
                 .headers = {{"x-dojo-code", "not-found"}},
                 .body = "no such thing"};
  });
  Client client(key(), btauth());
  const auto answer = client.request(peer.url() + "/x", {});
  EXPECT_EQ(kind_of(answer.exception), Kind::status);
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.code, Code::not_found);
  EXPECT_EQ(answer.body(), "no such thing");
  EXPECT_THAT(answer.reason(), HasSubstr("HTTP status 404"));
  EXPECT_EQ(kind_of(client.request(peer.url() + "/moved", {}).exception), Kind::redirect);
}

TEST(RawRequest, IsProvenToo) {
  const auto miner = wire::Keypair::generate();
  ScriptedPeer peer([&](const Seen& seen) {
    Reply reply{.body = seen.method == "HEAD" ? "" : std::string("\0\x01", 2)};
    return sign_reply(seen, miner, reply);
  });
  Client client(key(), btauth());
  for (const char* method : {"GET", "HEAD"}) {
    const auto answer = client.request(peer.url() + "/x?y", {.method = method},
                                       {.to = miner.public_key(), .proof = true});
    ASSERT_TRUE(answer.ok()) << answer.reason();
    EXPECT_EQ(answer.signature, AnswerSignature::right);
    ASSERT_TRUE(answer.request);
    EXPECT_EQ(answer.request->target, "/x?y");
  }
}

TEST(RawRequest, AsksForSessionsAtItsHostsRoot) {
  ScriptedPeer peer(echo);
  ClientOptions options;
  options.sessions = true;
  Client client(key(), options);
  const auto to = wire::Keypair::generate().public_key();
  ASSERT_TRUE(client.request(peer.url() + "/v1/x?a=/b", {}, {.to = to}).ok());
  ASSERT_TRUE(peer.wait_for(2));
  int asked = 0;
  for (const auto& seen : peer.seen()) asked += seen.path == wire::kSessionPath;
  EXPECT_EQ(asked, 1);
}

TEST(RawRequest, IsRefusedIfItIsNone) {
  Client client(key());
  const auto refused = [&](const std::string& url, Request request) {
    const auto answer = client.request(url, std::move(request));
    EXPECT_EQ(kind_of(answer.exception), Kind::invalid_request) << url;
    return answer.reason();
  };
  for (const char* method : {"", "get", "A B", "CONNECT", "ABCDEFGHIJKLMNOPQ", "GET\r\n"}) {
    EXPECT_THAT(refused("miner/x", {.method = method}), HasSubstr("capital letters")) << method;
  }
  EXPECT_THAT(refused("miner/x", {.method = "HEAD", .body = "x"}), HasSubstr("no body"));
  EXPECT_THAT(refused("miner/x", {.content_type = "a\r\nb: c"}), HasSubstr("content type"));
  for (const char* url : {"", "/", "http://", "ftp://miner", "miner#part", "http://user:pw@miner",
                          "mi ner", "http:///x", "miner/?\xc3\xa4"}) {
    refused(url, {});
  }
}

}  // namespace
}  // namespace dojo::testing
