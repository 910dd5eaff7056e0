// The whole host on a free port.
#include "server.hpp"

#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/envelope.hpp>

#include "host/signed_head.hpp"
#include "host/support.hpp"
#include "net/client.hpp"

namespace dojo::host {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder = fs::path(testing::TempDir()) / (std::string("dojo_") + test->name());
    fs::remove_all(folder);
    fs::create_directories(folder);
    config = default_config();
    config.http.port = 0;
    config.http.threads = 2;
    config.dispatch.workers = 2;
    config.plugins_dir = folder;
    config.drain = 20s;
    add("test_behaviours");
  }
  ~ServerTest() override {
    server.reset();
    fs::remove_all(folder);
  }
  void add(const std::string& plugin) {
    fs::copy_file(test::plugin(plugin), folder / (plugin + ".so"));
  }
  Server& start() {
    auto made = Server::create(config, self, lines.log());
    if (!made) throw std::runtime_error(made.error().message);
    server = std::move(*made);
    server->start();
    return *server;
  }
  /// A signed request as it stands on the wire.
  std::string request(const std::string& path, const std::string& body = "{}",
                      const std::string& headers = "") {
    const auto now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const auto head = test::dojo1(caller, test::statement(self, path, body, now));
    std::string all = headers + "Content-Length: " + std::to_string(body.size()) + "\r\n";
    for (const auto& field : head.fields) {
      all += std::string(field.name_string()) + ": " + std::string(field.value()) + "\r\n";
    }
    return net::request(path, all, body, "POST");
  }
  std::optional<net::Reply> ask(const std::string& path, const std::string& body = "{}") {
    auto client = net::Client::to(server->port());
    client.send(request(path, body));
    return client.read_reply();
  }

  const wire::Keypair self = wire::Keypair::generate();
  const wire::Keypair caller = wire::Keypair::generate();
  test::Lines lines;
  fs::path folder;
  Config config;
  std::unique_ptr<Server> server;
};

TEST_F(ServerTest, ServesItsPlugins) {
  start();
  EXPECT_EQ(server->plugins_loaded(), 1u);
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
  EXPECT_EQ(server->plugins_loaded(), 1u);
  EXPECT_EQ(server->plugins_refused(), 2u);
  EXPECT_TRUE(lines.has("route /Answers is claimed by both behaviours ("));
  EXPECT_TRUE(lines.has("start failed (1): the GPU is on fire"));
  EXPECT_EQ(ask("/Answers")->status, 200);
  EXPECT_EQ(ask("/OnlyHere")->status, 404);
}

TEST_F(ServerTest, GivesEachPluginItsConfig) {
  config.plugins["behaviours"] = {R"({"mine":1})", "dojo.toml:7"};
  config.plugins["absent"] = {"{}", "dojo.toml:9"};
  start();
  EXPECT_THAT(ask("/Describes")->body, HasSubstr(R"("config":{"mine":1})"));
  EXPECT_TRUE(lines.has("config for a plugin that is not there"));
  EXPECT_TRUE(lines.has("where=dojo.toml:9"));
}

TEST_F(ServerTest, SaysWhereARefusedConfigStands) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  add("test_rival");
  config.plugins["rival"] = {R"({"mine":1})", "dojo.toml:7"};
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
  ASSERT_EQ(clients[1].read_reply()->status, 200);
  EXPECT_TRUE(server->drain());
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (i == 1) continue;
    const auto reply = clients[i].read_reply();
    // What had not been taken up yet is turned away; nothing is cut off in the middle.
    if (!reply) continue;
    EXPECT_THAT(reply->status, testing::AnyOf(200, 503));
  }
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
