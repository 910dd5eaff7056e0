// The whole host on a free port.
#include "server.hpp"

#include <filesystem>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/envelope.hpp>

#include "host/host_test.hpp"
#include "host/support.hpp"
#include "net/client.hpp"

namespace dojo::host {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

using ServerTest = test::HostTest;

TEST_F(ServerTest, ServesItsPlugins) {
  start();
  EXPECT_EQ(server->plugins().list().size(), 1u);
  const auto reply = ask("/Answers", R"({"a":1})");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
  EXPECT_TRUE(reply->has("x-dojo-code: ok"));
  EXPECT_EQ(reply->body, R"({"body":{"a":1},"error":null,"metadata":{"k":"v"}})");
}

TEST_F(ServerTest, IgnoresTheQueryForItsRoute) {
  start();
  auto client = net::Client::to(server->port());
  auto text = request("/Answers");
  text.replace(text.find("/Answers "), 8, "/Answers?a=b");
  client.send(text);
  EXPECT_EQ(client.read_reply()->status, 200);
}

TEST_F(ServerTest, AnswersManyRequestsOnOneConnection) {
  start();
  auto client = net::Client::to(server->port());
  for (const char* path :
       {"/Answers", "/Thread", "/Fails", "/NoSuch", "/Refuses", "/Throws", "/Answers"}) {
    client.send(request(path));
    const auto reply = client.read_reply();
    ASSERT_TRUE(reply) << path;
    EXPECT_TRUE(wire::parse_envelope(reply->body)) << reply->body;
  }
}

TEST_F(ServerTest, RefusesAStrangerAsSoonAsHisHeadIsThere) {
  start();
  auto client = net::Client::to(server->port());
  client.send("POST /Answers HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  const auto reply = client.read_reply();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 400);
  EXPECT_TRUE(reply->has("x-dojo-code: unsigned"));
}

TEST_F(ServerTest, AnswersWhatIsNoRequestWithAnEnvelope) {
  start();
  auto client = net::Client::to(server->port());
  client.send("nonsense\r\n\r\n");
  const auto reply = client.read_reply();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 400);
  EXPECT_TRUE(reply->has("x-dojo-code: malformed"));
  EXPECT_TRUE(wire::parse_envelope(reply->body)->error);
}

TEST_F(ServerTest, LeavesOutAPluginThatClaimsAnothersRoute) {
  add("test_rival");
  add("test_faulty_start");
  start();
  EXPECT_EQ(lines.count("plugin serves"), 1u);
  EXPECT_TRUE(lines.has("route /Answers is claimed by both behaviours and rival"));
  EXPECT_TRUE(lines.has("start failed (1): the GPU is on fire")) << lines.text();
  EXPECT_EQ(ask("/Answers")->status, 200);
  EXPECT_EQ(ask("/OnlyHere")->status, 404);
}

TEST_F(ServerTest, GivesEachPluginItsConfig) {
  config.plugins["behaviours"] = {R"({"mine":1})", "dojo.toml:7", {}};
  config.plugins["absent"] = {"{}", "dojo.toml:9", {}};
  start();
  EXPECT_THAT(ask("/Describes")->body, HasSubstr(R"("config":{"mine":1})"));
  EXPECT_TRUE(lines.has("config for a plugin that is not there"));
  EXPECT_TRUE(lines.has("where=dojo.toml:9"));
}

TEST_F(ServerTest, SaysWhereARefusedConfigStands) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  add("test_rival");
  config.plugins["rival"] = {R"({"mine":1})", "dojo.toml:7", {}};
  start();
  EXPECT_TRUE(lines.has("dojo.toml:7: create failed (1): config: this plugin takes none"))
      << lines.text();
}

TEST_F(ServerTest, SaysThatItsFolderHoldsNothing) {
  config.plugins_dir = folder / "none";
  start();
  EXPECT_TRUE(lines.has("the plugins folder cannot be read"));
  EXPECT_EQ(ask("/Answers")->status, 404);
}

TEST_F(ServerTest, CannotHaveAnAddressThatIsTaken) {
  start();
  config.http.port = server->port();
  EXPECT_FALSE(Server::create(config, self, lines.log()));
}

TEST_F(ServerTest, DrainsWhatIsUnderWay) {
  start();
  std::vector<net::Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(net::Client::to(server->port()));
    clients.back().send(request(i % 2 == 0 ? "/LargeThread" : "/Answers"));
  }
  ASSERT_TRUE(test::eventually([&] {  // the plugin has them all
    const auto tally = server->plugins().list().at(0).tally;
    return tally.in_flight + tally.answered == clients.size();
  }));
  // Who reads nothing for as long as a drain lasts is given up: so they read meanwhile.
  auto drained = std::async(std::launch::async, [&] { return server->drain(); });
  for (auto& client : clients) {
    const auto reply = client.read_reply();
    EXPECT_TRUE(reply && reply->status == 200) << "cut off, or turned away\n" << lines.text();
  }
  EXPECT_TRUE(drained.get());
}

TEST_F(ServerTest, DoesNotDrainWhatNeverEnds) {
  config.drain = 10ms;
  start();
  auto client = net::Client::to(server->port());
  client.send(request("/KeepsLong"));
  ASSERT_EQ(ask("/Answers")->status, 200);
  EXPECT_FALSE(server->drain());
}

TEST_F(ServerTest, StopsWhileRequestsAreOpen) {
  for (int round = 0; round < 5; ++round) {
    start();
    std::vector<net::Client> clients;
    for (int i = 0; i < 12; ++i) {
      constexpr const char* kPaths[] = {"/KeepsLong", "/LargeThread", "/Thread", "/KeepsOne"};
      clients.push_back(net::Client::to(server->port()));
      clients.back().send(request(kPaths[i % 4]));
    }
    ASSERT_EQ(ask("/Answers")->status, 200);
    server.reset();
  }
}

}  // namespace
}  // namespace dojo::host
