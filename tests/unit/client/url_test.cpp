// Which urls and model names the client takes.
#include <gtest/gtest.h>

#include "models.hpp"

namespace dojo::testing {
namespace {

TEST(Url, TakesWhatMinersAreKnownBy) {
  for (const char* url :
       {"127.0.0.1:8888", "miner.example", "http://miner.example:1/", "https://miner.example/base",
        "HTTP://miner.example", "[::1]:8888", "http.example:80", "localhost/a%20b"}) {
    EXPECT_TRUE(check_url(url, "Echo")) << url;
  }
}

TEST(Url, RefusesWhatARequestLineOrASignatureCannotCarry) {
  for (const char* url : {"", "ftp://miner", "file:///etc/passwd", "miner?x=1", "miner#part",
                          "http://user:pw@miner", "mi ner", "miner/\r\nx-hotkey: a", "http://",
                          "miner:99999", "miner/\xc3\xa4", "://x", "http:///x", "/"}) {
    EXPECT_FALSE(check_url(url, "Echo")) << url;
  }
}

TEST(Url, RefusesModelNamesThatAreNoRoute) {
  for (const char* name : {"", "a/b", "a?b", "a b", "..", "\xc3\xa4", "a%2fb"}) {
    EXPECT_FALSE(check_url("miner", name)) << name;
  }
  EXPECT_TRUE(check_url("miner", "Score_Request-2.0"));
}

TEST(Url, DotSegmentsAreSignedAsTheyAreSent) {
  ScriptedPeer peer([](const Seen&) { return Reply{}; });
  Client client(key());
  ASSERT_TRUE(client.send(peer.url() + "/a/../b", Echo{}).ok());
  const auto seen = peer.seen().at(0);
  EXPECT_EQ(seen.path, "/a/../b/Echo");
  EXPECT_TRUE(seen.statement());
}

}  // namespace
}  // namespace dojo::testing
