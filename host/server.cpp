#include "server.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <dojo/wire/dialect.hpp>

#include "plugins/generation.hpp"

namespace dojo::host {
namespace {

namespace fs = std::filesystem;

pipeline::WallTime wall_clock() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

net::Response to_response(pipeline::Answer answer) {
  net::Response response;
  response.status = answer.status;
  response.headers = std::move(answer.headers);
  response.body = std::move(answer.body);
  return response;
}

/// The waiting end of a request, as the pipeline sees it.
class OnTheWire final : public pipeline::Waiting {
 public:
  explicit OnTheWire(net::Responder responder) : responder_(std::move(responder)) {}
  void answer(pipeline::Answer answer) noexcept override {
    responder_.send(to_response(std::move(answer)));
  }
  [[nodiscard]] bool abandoned() const noexcept override { return responder_.abandoned(); }

 private:
  net::Responder responder_;
};

std::vector<fs::path> plugin_files(const fs::path& folder, std::error_code& error) {
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".so") files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

class Server::Handler final : public net::Handler {
 public:
  explicit Handler(pipeline::Pipeline& pipeline) : pipeline_(pipeline) {}

  std::optional<net::Response> on_head(net::Request& request) override {
    const std::string_view target = request.target;
    const pipeline::Head head{request.method, target.substr(0, target.find('?')), &request.headers};
    auto admission = pipeline_.admit(head, request.peer);
    if (!admission) return to_response(std::move(admission.error()));
    request.context = std::move(*admission);
    return std::nullopt;
  }

  void on_request(net::Request request, net::Responder responder) override {
    pipeline_.take(std::any_cast<std::shared_ptr<pipeline::Admission>>(request.context),
                   std::move(request.body), std::make_unique<OnTheWire>(std::move(responder)));
  }

  net::Response on_refusal(int status, std::string_view why) override {
    return to_response(pipeline_.refuse_malformed(status, why));
  }

 private:
  pipeline::Pipeline& pipeline_;
};

Result<std::unique_ptr<Server>> Server::create(const Config& config, const wire::Keypair& identity,
                                               const Log& log) {
  auto server = std::unique_ptr<Server>(new Server(config, identity, log));
  auto net = net::Server::create(config.http, *server->handler_);
  if (!net) return tl::unexpected(net.error());
  server->net_ = std::move(*net);
  server->load_plugins();
  return server;
}

Server::Server(const Config& config, const wire::Keypair& identity, const Log& log)
    : config_(config),
      log_(log),
      pipeline_(config.auth, config.dispatch, config.compression_level, identity.public_key(), log,
                wall_clock),
      handler_(std::make_unique<Handler>(pipeline_)) {}

Server::~Server() {
  stop();
}

void Server::load_plugins() {
  std::error_code error;
  const auto files = plugin_files(config_.plugins_dir, error);
  if (error) {
    log_.error("the plugins folder cannot be read",
               {{"folder", config_.plugins_dir.string()}, {"reason", error.message()}});
  } else if (files.empty()) {
    log_.warning("the plugins folder holds no .so file",
                 {{"folder", config_.plugins_dir.string()}});
  }
  auto unused = config_.plugins;
  for (const auto& file : files) {
    std::string where;
    auto generation = plugins::Generation::load(file, pipeline_.dispatcher(),
                                                [&](const std::string& name) -> std::string {
                                                  const auto found = config_.plugins.find(name);
                                                  if (found == config_.plugins.end()) return "{}";
                                                  where = found->second.where + ": ";
                                                  unused.erase(name);
                                                  return found->second.json;
                                                });
    auto status =
        generation ? pipeline_.routes().add(*generation) : tl::unexpected(generation.error());
    if (!status) {
      ++refused_;
      log_.error("plugin refused",
                 {{"file", file.string()}, {"reason", where + status.error().message}});
      continue;
    }
    ++loaded_;
    std::string routes;
    for (const auto& route : (*generation)->routes())
      routes += (routes.empty() ? "/" : " /") + route.name;
    log_.info("plugin serves", {{"plugin", (*generation)->name()},
                                {"version", (*generation)->version()},
                                {"routes", routes},
                                {"file", file.string()}});
  }
  for (const auto& [name, plugin] : unused) {
    log_.warning("config for a plugin that is not there",
                 {{"plugin", name}, {"where", plugin.where}});
  }
}

void Server::start() {
  net_->start();
}

std::uint16_t Server::port() const {
  return net_->port();
}

bool Server::drain() {
  log_.info("draining", {{"in_flight", std::to_string(pipeline_.dispatcher().in_flight())}});
  const auto begin = std::chrono::steady_clock::now();
  const bool answered = pipeline_.dispatcher().drain(config_.drain);
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  // What has been answered has still to reach its callers.
  const bool sent = net_->drain(std::max(config_.drain - spent, std::chrono::milliseconds(1'000)));
  return answered && sent;
}

void Server::stop() {
  if (net_) net_->stop();
  pipeline_.dispatcher().stop([this] { pipeline_.routes().clear(); });
  if (net_) log_totals();
  net_.reset();
}

void Server::log_totals() const {
  std::string answers;
  for (std::size_t i = 0; i < kCodeWords.size(); ++i) {
    if (const auto count = pipeline_.counts()[i].load()) {
      answers += fmt::format("{}{}:{}", answers.empty() ? "" : " ", kCodeWords[i], count);
    }
  }
  log_.info("stopped", {{"connections", std::to_string(net_->counters().accepted.load())},
                        {"answers", answers}});
}

}  // namespace dojo::host
