#include "server.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <dojo/wire/dialect.hpp>

#include "base/files.hpp"
#include "config/callers.hpp"
#include "families.hpp"
#include "presence.hpp"

namespace dojo::host {
namespace {

request::WallTime wall_clock() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

plugins::SettingsOf settings_from(const Config& config) {
  return [config](std::string_view plugin) { return settings_of(config, plugin); };
}

/// @param listening where and behind whom the host listens, which needs a restart to change
policy::AccessOptions access_options(const Config& config, const net::Options& listening) {
  policy::AccessOptions options{rules_for(config, listening.address), config.metagraph,
                                config.quota};
  for (const auto& proxy : listening.proxies) {
    // net refuses one that cannot be read
    if (const auto network = base::Network::parse(proxy)) options.quota.proxies.push_back(*network);
  }
  return options;
}

}  // namespace

class Server::Handler final : public net::Handler {
 public:
  Handler(request::Pipeline& pipeline, policy::Quotas& quotas, const base::Log& log)
      : pipeline_(pipeline), quotas_(quotas), log_(log) {}

  bool welcomes(const base::IpAddress& caller) override { return !quotas_.shut_out(caller); }

  net::ExchangePtr make() override { return pipeline_.make(); }
  std::optional<net::Response> on_head(net::Exchange& exchange) override {
    return pipeline_.admit(ours(exchange));
  }
  void on_request(net::ExchangePtr exchange) override { pipeline_.take(&ours(*exchange)); }
  void on_deadline(net::Exchange& exchange) override { pipeline_.on_deadline(ours(exchange)); }
  void on_gone(net::Exchange& exchange) override { pipeline_.on_gone(ours(exchange)); }
  net::Response on_refusal(int status, std::string_view why) override {
    return pipeline_.refuse_malformed(status, why);
  }

  void on_unnamed_caller(const base::IpAddress& proxy) override {
    {
      const std::lock_guard lock(mutex_);
      if (silent_proxies_.size() >= kMostProxies || !silent_proxies_.insert(proxy.bytes()).second) {
        return;
      }
    }
    log_.warning("a proxy does not say who calls: no limit per address holds for its callers",
                 {{"proxy", proxy.text()},
                  {"do", "have it send the PROXY protocol, Forwarded or X-Forwarded-For"}});
  }

  void on_shortage(std::string_view why) override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto minute = std::chrono::duration_cast<std::chrono::minutes>(now).count() + 1;
    if (shortage_told_.exchange(minute) == minute) return;
    log_.warning("connections cannot be accepted for now", {{"reason", why}});
  }

 private:
  /// make() has made all that there are.
  static request::Exchange& ours(net::Exchange& exchange) {
    return static_cast<request::Exchange&>(exchange);
  }

  request::Pipeline& pipeline_;
  policy::Quotas& quotas_;
  const base::Log& log_;
  std::atomic<std::int64_t> shortage_told_{0};  // in which minute
  static constexpr std::size_t kMostProxies = 256;
  std::mutex mutex_;
  std::set<base::IpAddress::Bytes> silent_proxies_;  // under mutex_: those that were told of
};

Result<std::unique_ptr<Server>> Server::create(const Config& config, const Identity& identity,
                                               const base::Log& log) {
  if (const auto state = base::open_private_folder(config.state_dir); !state) {
    return Unexpected(state.error());
  }
  // First, since it starts a process, and all else threads.
  auto replay = config.replay;
  replay.fresh_identity = identity.fresh;
  auto seen =
      policy::ReplayMemory::open(replay, config.state_dir, policy::ReplayClocks::of_the_system(),
                                 [&log](std::string_view what, std::string_view why) {
                                   log.warning(what, {{"reason", why}});
                                 });
  if (!seen) return Unexpected(seen.error());
  auto access =
      policy::Access::open(access_options(config, config.http), config.state_dir, log, wall_clock);
  if (!access) return Unexpected(access.error());
  auto server = std::unique_ptr<Server>(
      new Server(config, identity, std::move(*access), std::move(*seen), log));
  auto net = net::Server::create(config.http, *server->handler_);
  if (!net) return Unexpected(net.error());
  server->net_ = std::move(*net);
  auto reloader = plugins::Reloader::open(
      {config.plugins_dir, config.state_dir, config.worker, config.reload}, settings_from(config),
      server->pipeline_.roster(), server->pipeline_.services(), log);
  if (!reloader) return Unexpected(reloader.error());
  server->tell_who_may_call(config);
  server->presence_ = claim_hotkey(wire::encode_ss58(identity.key));
  if (!server->presence_) {
    log.warning("another host on this machine has this hotkey: each takes a captured request once",
                {{"do", "give each a hotkey of its own"}});
  }
  server->reloader_ = std::move(*reloader);
  server->metrics_.show([&host = *server] {
    return families_of(host.net_->counters(), host.net_->budgets(), host.pipeline_, *host.seen_,
                       host.authenticator_.known_keys(), host.open_sessions_.sizes(),
                       *host.access_);
  });
  // Of libraries that do not ask for it themselves: programs that a plugin starts are to have none
  // of our files and sockets.
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  return server;
}

Server::Server(const Config& config, const Identity& identity,
               std::unique_ptr<policy::Access> access, std::unique_ptr<policy::ReplayMemory> seen,
               const base::Log& log)
    : config_(config),
      in_force_(config),
      log_(log),
      access_(std::move(access)),
      seen_(std::move(seen)),
      open_sessions_(config.sessions, wall_clock),
      sessions_(open_sessions_, identity.keypair),
      authenticator_(config.auth, identity.key, *seen_, std::chrono::system_clock::now, &sessions_,
                     access_.get()),
      pipeline_(authenticator_, *access_, identity.keypair, config.dispatch,
                config.compression_level, log, metrics_),
      handler_(std::make_unique<Handler>(pipeline_, access_->quotas(), log)) {}

Server::~Server() {
  (void)stop();
}

void Server::load() {
  reloader_->load_all();
  warn_of_strays();
}

void Server::warn_of_strays() const {
  const auto rows = reloader_->list();
  for (const auto& [name, settings] : config_.plugins) {
    if (std::ranges::any_of(rows, [&](const auto& row) { return row.name == name; })) continue;
    log_.warning("config for a plugin that is not there",
                 {{"plugin", name}, {"where", settings.where}});
  }
}

void Server::tell_who_may_call(const Config& config) const {
  const auto& address = config_.http.address;
  const auto who = who_may_call(config, address);
  if (says_nothing_of_callers(config, address)) {
    log_.warning("who may call", {{"who", who}});
  } else {
    log_.info("who may call", {{"who", who}});
  }
  if (config.auth.any_legacy_text) {
    log_.warning("whatever a hotkey has signed anywhere counts as its request",
                 {{"key", "auth.legacy_text"}});
  }
}

Result<ConfigChanges> Server::apply(const Config& config) {
  const std::lock_guard lock(applying_);
  // Plugins first, since they alone can refuse.
  const auto settings = settings_from(config);
  if (auto status = reloader_->check(settings); !status) return Unexpected(status.error());
  if (auto status = reloader_->apply(settings); !status) {
    (void)reloader_->apply(settings_from(in_force_));  // those that had taken it over already
    return Unexpected(status.error());
  }
  access_->apply(access_options(config, config_.http));
  tell_who_may_call(config);
  authenticator_.apply(config.auth);
  open_sessions_.apply(config.sessions);
  auto changes = changes_of(config_, in_force_, config);
  in_force_ = config;
  return changes;
}

Status Server::start() {
  if (auto status = net_->start(); !status) return status;
  reloader_->start();
  return {};
}

std::uint16_t Server::port() const {
  return net_->port();
}

bool Server::drain() {
  reloader_->refuse_new();
  log_.info("draining", {{"in_flight", pipeline_.dispatcher().in_flight()}});
  const auto begin = std::chrono::steady_clock::now();
  const bool answered = pipeline_.dispatcher().drain(config_.drain);
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  // What has been answered has still to reach its callers.
  const bool sent = net_->drain(std::max(config_.drain - spent, std::chrono::milliseconds(1'000)));
  return answered && sent;
}

bool Server::stop() {
  pipeline_.dispatcher().refuse_new();
  // While the plugins end, what they answer, or is answered for them, still goes out.
  const bool unloaded = !reloader_ || reloader_->stop();
  if (net_ && !std::exchange(stopped_, true)) {
    net_->stop();  // stays, for those who still ask for its numbers
    log_totals();
  }
  return unloaded;
}

void Server::log_totals() const {
  std::string answers;
  for (std::size_t i = 0; i < kCodeWords.size(); ++i) {
    if (const auto count = pipeline_.refusals().counts()[i].load()) {
      answers += fmt::format("{}{}:{}", answers.empty() ? "" : " ", kCodeWords[i], count);
    }
  }
  log_.info("stopped", {{"connections", net_->counters().accepted.load()}, {"answers", answers}});
}

}  // namespace dojo::host
