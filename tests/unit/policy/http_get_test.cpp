#include "policy/metagraph/http_get.hpp"

#include <chrono>
#include <cstdlib>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/scripted_peer.hpp"

namespace dojo::policy {
namespace {

using dojo::testing::Reply;
using dojo::testing::ScriptedPeer;
using dojo::testing::Seen;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

Reply body(std::string text, int status = 200) {
  Reply reply;
  reply.status = status;
  reply.body = std::move(text);
  return reply;
}

TEST(HttpGet, BringsAnAnswerWhatEverItsStatus) {
  ScriptedPeer peer([](const Seen& seen) { return body("it is " + seen.path, 418); });
  HttpGet http;
  const auto answer = http.get(peer.url() + "/there", 10s, 100);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 418);
  EXPECT_EQ(answer->body, "it is /there");
  EXPECT_EQ(peer.seen().at(0).method, "GET");
  EXPECT_EQ(peer.seen().at(0).header("accept"), "application/json");
  EXPECT_FALSE(peer.seen().at(0).has("accept-encoding"));
}

TEST(HttpGet, DoesNotFollowARedirect) {
  ScriptedPeer peer([](const Seen&) {
    auto reply = body("", 302);
    reply.headers.emplace_back("location", "/elsewhere");
    return reply;
  });
  HttpGet http;
  const auto answer = http.get(peer.url() + "/here", 10s, 100);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(answer->location, peer.url() + "/elsewhere");
  EXPECT_EQ(peer.seen().size(), 1u);
}

TEST(HttpGet, TakesNoMoreThanItMay) {
  ScriptedPeer peer([](const Seen& seen) {
    auto reply = body(std::string(101, 'x'));
    if (seen.path == "/chunked") {
      reply.raw = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n65\r\n" +
                  std::string(101, 'x') + "\r\n0\r\n\r\n";
    }
    return reply;
  });
  HttpGet http;
  for (const char* path : {"/", "/chunked"}) {
    const auto answer = http.get(peer.url() + path, 10s, 100);
    ASSERT_FALSE(answer) << path;
    EXPECT_EQ(answer.error().message, "the answer is over 100 bytes");
    EXPECT_TRUE(http.get(peer.url() + path, 10s, 101)) << path;
  }
}

TEST(HttpGet, RefusesAnAnswerThatIsCutOff) {
  ScriptedPeer peer([](const Seen&) {
    auto reply = body("half");
    reply.claimed_length = 8;
    reply.close = true;
    return reply;
  });
  HttpGet http;
  EXPECT_FALSE(http.get(peer.url(), 10s, 100));
}

TEST(HttpGet, GivesUpAfterItsTime) {
  ScriptedPeer* waiting = nullptr;
  ScriptedPeer peer([&](const Seen&) {
    waiting->wait_until_released();
    return body("late");
  });
  waiting = &peer;
  HttpGet http;
  const auto answer = http.get(peer.url(), 50ms, 100);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("timed out"));
}

TEST(HttpGet, IsEndedAtOnceByAnotherThread) {
  ScriptedPeer* waiting = nullptr;
  ScriptedPeer peer([&](const Seen&) {
    waiting->wait_until_released();
    return body("late");
  });
  waiting = &peer;
  HttpGet http;
  std::thread other([&] {
    EXPECT_TRUE(peer.wait_for(1));
    http.give_up();
  });
  const auto answer = http.get(peer.url(), 1h, 100);
  other.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "it was given up");
  EXPECT_FALSE(http.get(peer.url(), 60s, 100));
  peer.release();
  http.arm();
  EXPECT_TRUE(http.get(peer.url(), 60s, 100));
}

TEST(HttpGet, SaysWhyThereIsNoAnswer) {
  std::string gone;
  {
    const ScriptedPeer peer([](const Seen&) { return body(""); });
    gone = peer.url();
  }
  HttpGet http;
  EXPECT_THAT(http.get(gone, 10s, 100).error().message, HasSubstr("Couldn't connect"));
}

TEST(HttpGet, KeepsTheEnvironmentsProxyOut) {
  ScriptedPeer peer([](const Seen&) { return body("direct"); });
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("all_proxy", "http://127.0.0.1:1", 1);
  HttpGet http;
  const auto answer = http.get(peer.url(), 10s, 100);
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  ASSERT_TRUE(answer) << answer.error().message;
}

TEST(HttpGet, ReadsNoFiles) {
  HttpGet http;
  EXPECT_FALSE(http.get("file:///etc/passwd", 10s, 100'000));
}

TEST(BaseUrl, IsHttpAndAHost) {
  for (const char* url :
       {"http://127.0.0.1:3000", "https://kami.example/base/", "http://[::1]:3000"}) {
    EXPECT_TRUE(check_base_url(url)) << url;
  }
  for (const auto& [url, word] : {std::pair{"", "must be http"},
                                  {"127.0.0.1:3000", "must be http"},
                                  {"ftp://host", "must be http"},
                                  {"gopher://host", "must be http"},
                                  {"file:///etc/passwd", "must be http"},
                                  {"http://", "must be http"},
                                  {"http://user@host", "user or password"},
                                  {"http://user:word@host", "user or password"},
                                  {"http://host/?a=b", "query or fragment"},
                                  {"http://host/#a", "query or fragment"}}) {
    const auto status = check_base_url(url);
    ASSERT_FALSE(status) << url;
    EXPECT_THAT(status.error().message, HasSubstr(word)) << url;
  }
}

}  // namespace
}  // namespace dojo::policy
