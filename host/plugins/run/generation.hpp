// One generation of a plugin: a copy of its file, loaded once, that requests are sent to until the
// next one takes its place.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/plugin.h>
#include <dojo/result.hpp>

#include "plugins/abi/instance.hpp"
#include "plugins/run/services.hpp"

namespace dojo::plugins {

/// What a generation is made from.
struct Blueprint {
  std::filesystem::path file;               ///< the host's own copy, loaded by nobody before
  std::uint64_t number = 0;                 ///< counts up over all plugins; answers carry it
  std::string name{};                       ///< the plugin's, if known: its first words are its own
  std::string sha256;                       ///< of the file, hex
  std::string config = "{}";                ///< the plugin's table of the config, JSON
  std::optional<std::string> state;         ///< what the generation before hands over
  unsigned workers = 4;                     ///< threads that will call handle()
  std::chrono::milliseconds limit{30'000};  ///< for loading, create() and start() together
};

/// How a generation ended.
struct Ending {
  bool unloaded = true;  ///< false: code or threads of it are left in this process for ever
  std::string why{};     ///< if so
};

/// Lives in this process (InProcess) or in one of its own (Isolated). load() comes first, end()
/// last, also where load() failed; between the two any thread may call what is const. load() and
/// save() are for one thread at a time, ask_health() for one that may be another.
class Generation {
 public:
  virtual ~Generation() = default;
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] const std::vector<RouteInfo>& routes() const { return routes_; }
  [[nodiscard]] const Blueprint& blueprint() const { return blueprint_; }
  [[nodiscard]] std::uint64_t number() const { return blueprint_.number; }
  [[nodiscard]] virtual bool isolated() const = 0;
  /// The process it lives in, if that is not the host's.
  [[nodiscard]] virtual std::optional<std::int64_t> process() const { return std::nullopt; }

  /// dojo_plugin.handle: the answer comes through Services::complete. Each worker has a number
  /// below blueprint().workers, and calls from one thread at a time.
  /// @return DOJO_OK if the plugin has taken the request; otherwise it is the caller's to answer
  [[nodiscard]] virtual std::int32_t handle(const dojo_request& request,
                                            unsigned worker) const noexcept = 0;
  /// dojo_plugin.resume, likewise.
  virtual void resume(dojo_request_id id, unsigned worker) const noexcept = 0;
  /// The hooks of the request's route, if it is `hooked`.
  [[nodiscard]] virtual Verdict judge(const dojo_request& request,
                                      unsigned worker) const noexcept = 0;
  /// Nobody waits for this request any more. Told once, soon after; the plugin may ask
  /// Services::cancelled as well where it shares a process with it.
  virtual void cancel(dojo_request_id id) const noexcept = 0;

  /// Loads, creates, restores what is handed over, starts. @return why not, in words for an
  /// operator
  virtual Status load() = 0;
  /// dojo.state/1 @return nothing if it hands nothing over
  virtual Result<std::optional<std::string>> save() = 0;
  /// dojo.health/1, good if it has none. Does not wait: the first call asks, and those that follow
  /// return nothing until it has come back, or has not for as long as it may take.
  virtual std::optional<Status> ask_health() = 0;
  /// Stops, destroys and unloads. No handle() runs and none follows. @param limit for stop() and
  /// destroy() together; one that takes longer is left where it is.
  virtual Ending end(std::chrono::milliseconds limit) = 0;

 protected:
  explicit Generation(Blueprint blueprint)
      : blueprint_(std::move(blueprint)), name_(blueprint_.name) {}
  void introduce(std::string name, std::string version, std::vector<RouteInfo> routes) {
    name_ = std::move(name);
    version_ = std::move(version);
    routes_ = std::move(routes);
  }

 private:
  const Blueprint blueprint_;
  std::string name_;
  std::string version_;
  std::vector<RouteInfo> routes_;
};

}  // namespace dojo::plugins
