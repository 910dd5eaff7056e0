// dojo-host put together: where net and pipeline meet.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include <dojo/result.hpp>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "config/changes.hpp"
#include "config/config.hpp"
#include "identity.hpp"
#include "net/server.hpp"
#include "plugins/deploy/reloader.hpp"
#include "policy/access.hpp"
#include "policy/replay/replay_memory.hpp"
#include "policy/session/session_store.hpp"
#include "request/pipeline.hpp"
#include "request/sessions.hpp"

namespace dojo::host {

/// A running host. Its members are for one thread, the one that made it.
class Server {
 public:
  /// Binds the address; callers are refused by the kernel until start(). @param log must
  /// outlive the server. @return an error if the address or the state folder cannot be had.
  static Result<std::unique_ptr<Server>> create(const Config& config, const Identity& identity,
                                                const base::Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Loads the plugins; those that cannot be are logged, and left out. May take as long as their
  /// code does. Any thread, while others ask for what is there already, or end the server.
  void load();
  /// Listens and serves, and watches the plugins' folder. @return an error if somebody else has
  /// the address by now
  Status start();
  /// The port that is served; of use where the config says 0.
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] plugins::Reloader& plugins() { return *reloader_; }
  [[nodiscard]] base::Metrics& metrics() { return metrics_; }
  [[nodiscard]] policy::Access& access() { return *access_; }
  [[nodiscard]] request::Pipeline& pipeline() { return pipeline_; }
  /// What all its callers share of connections and memory.
  [[nodiscard]] const net::Budgets& budgets() const { return net_->budgets(); }
  [[nodiscard]] const request::Authenticator& authenticator() const { return authenticator_; }
  /// Takes over what a new config says of callers and of plugins: all of it or, if a plugin refuses
  /// what is said to it, nothing. Any thread.
  Result<ConfigChanges> apply(const Config& config);

  /// Takes up no more plugins, refuses new requests, waits until the others are answered, at most
  /// as long as the config says.
  /// @return whether every request was answered.
  bool drain();
  /// Ends everything now. Called by the destructor too. @return false if a plugin's code is left
  /// running, when the process can only be ended by _exit()
  bool stop();

 private:
  class Handler;
  Server(const Config& config, const Identity& identity, std::unique_ptr<policy::Access> access,
         std::unique_ptr<policy::ReplayMemory> seen, const base::Log& log);
  void warn_of_strays() const;
  void tell_who_may_call(const Config& config) const;
  void log_totals() const;

  const Config config_;  // of the start
  std::mutex applying_;
  Config in_force_;  // under applying_
  const base::Log& log_;
  base::Descriptor presence_;
  base::Metrics metrics_;
  std::unique_ptr<policy::Access> access_;
  std::unique_ptr<policy::ReplayMemory> seen_;
  policy::SessionStore open_sessions_;
  request::Sessions sessions_;
  request::Authenticator authenticator_;
  request::Pipeline pipeline_;
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<net::Server> net_;
  std::unique_ptr<plugins::Reloader> reloader_;
  bool stopped_ = false;
};

}  // namespace dojo::host
