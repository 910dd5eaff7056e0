// The whole host on a free port, with a plugins folder of its own.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "host/signed_head.hpp"
#include "host/support.hpp"
#include "net/client.hpp"
#include "server.hpp"
#include "where.hpp"

namespace dojo::test {

class HostTest : public testing::Test {
 protected:
  HostTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::path(testing::TempDir()) / (std::string("dojo_") + test->name());
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    config = host::default_config();
    config.http.port = 0;
    config.http.threads = 2;
    config.reload.workers = 2;
    config.worker = test::where::kWorker;
    config.state_dir = folder / "state";
    config.reload.debounce = 20ms;
    config.reload.grace = 50ms;
    config.plugins_dir = folder;
    config.drain = 20s;
    add("test_behaviours");
  }
  ~HostTest() override {
    server.reset();
    std::filesystem::remove_all(folder);
  }
  void add(const std::string& plugin) {
    std::filesystem::copy_file(test::plugin(plugin), folder / (plugin + ".so"));
  }
  host::Server& start() { return start_as(self); }
  host::Server& start_as(const host::Identity& identity) {
    auto made = host::Server::create(config, identity, lines.log());
    if (!made) throw std::runtime_error(made.error().message);
    server = std::move(*made);
    server->load();
    if (auto status = server->start(); !status) throw std::runtime_error(status.error().message);
    return *server;
  }
  /// A signed request as it stands on the wire.
  std::string request(const std::string& path, const std::string& body = "{}",
                      const std::string& headers = "") {
    return request_as(caller, path, body, headers);
  }
  std::string request_as(const wire::Keypair& by, const std::string& path, const std::string& body,
                         const std::string& headers = "") {
    const auto now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const auto head = dojo1(by, statement(self, path, body, now));
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

  std::optional<net::Reply> ask_as(const wire::Keypair& by, const std::string& path) {
    auto client = net::Client::to(server->port());
    client.send(request_as(by, path, "{}"));
    return client.read_reply();
  }

  const wire::Keypair self = wire::Keypair::generate();
  const wire::Keypair caller = wire::Keypair::generate();
  Lines lines;
  std::filesystem::path folder;
  host::Config config;
  std::unique_ptr<host::Server> server;
};

}  // namespace dojo::test
