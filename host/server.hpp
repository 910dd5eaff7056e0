// dojo-host put together: where net and pipeline meet.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <dojo/result.hpp>
#include <dojo/wire/keypair.hpp>

#include "config.hpp"
#include "log.hpp"
#include "net/server.hpp"
#include "pipeline/pipeline.hpp"

namespace dojo::host {

/// A running host. Its members are for one thread, the one that made it.
class Server {
 public:
  /// Loads the plugins and binds the address; serves from start() on. Plugins that cannot be loaded
  /// are logged, and left out. @param log must outlive the server. @return an error if the address
  /// cannot be had.
  static Result<std::unique_ptr<Server>> create(const Config& config, const wire::Keypair& identity,
                                                const Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();
  /// The port that is served; of use where the config says 0.
  [[nodiscard]] std::uint16_t port() const;
  /// Plugins that serve, and files that were refused.
  [[nodiscard]] std::size_t plugins_loaded() const { return loaded_; }
  [[nodiscard]] std::size_t plugins_refused() const { return refused_; }

  /// Refuses new requests, waits until the others are answered, at most as long as the config says.
  /// @return whether every request was answered.
  bool drain();
  /// Ends everything now. Called by the destructor too.
  void stop();

 private:
  class Handler;
  Server(const Config& config, const wire::Keypair& identity, const Log& log);
  void load_plugins();
  void log_totals() const;

  const Config config_;
  const Log& log_;
  pipeline::Pipeline pipeline_;
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<net::Server> net_;
  std::size_t loaded_ = 0;
  std::size_t refused_ = 0;
};

}  // namespace dojo::host
