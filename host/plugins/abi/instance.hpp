// A plugin's shared object in this process, behind functions that neither throw nor trust it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/code.hpp>
#include <dojo/plugin.h>
#include <dojo/result.hpp>

namespace dojo::plugins {

/// A route as its plugin declares it, copied: nothing here points into the shared object.
struct RouteInfo {
  std::string name;
  std::string description;
  std::string request_schema;             ///< JSON, or empty
  std::string response_schema;            ///< JSON, or empty
  std::chrono::milliseconds deadline{0};  ///< 0: the host's default
  std::uint32_t concurrency = 0;          ///< 0: no limit of its own
  bool hooked = false;                    ///< it has a hook: see Instance::judge()
  std::string path;                       ///< "/Echo", or "/v1/*" for all that begin with "/v1/"
  std::string methods;                    ///< "GET POST"; HEAD only if the plugin answers it
  bool raw = false;                       ///< takes and gives bytes
  bool streams = false;                   ///< answers in chunks
  bool operator==(const RouteInfo&) const = default;
};

/// A deadline that is longer is taken for this one.
inline constexpr std::uint64_t kLongestDeadlineMs = 24ull * 60 * 60 * 1000;

/// Whether a plugin may be called so.
Status check_name(std::string_view name);
/// Whether a route may be declared so. @param others those of the plugin that stand before it
Status check_route(const RouteInfo& route, const std::vector<RouteInfo>& others);

/// What a route's hooks say of a request.
struct Verdict {
  Code code = Code::ok;  ///< or blacklisted, bad_signature (verify), internal (a hook that failed)
  std::string reason{};
  std::int32_t priority = 0;  ///< -1000 to 1000
};

/// A plugin from dlopen() to dlclose(). Knows no threads: the ABI's rules on which call may come
/// from where, and in which order, are the owner's to keep. Errors are words for an operator.
class Instance {
 public:
  /// Loads `file`, which runs its constructors, and reads its entry. A path can be loaded once in a
  /// process's life: the loader goes by path and inode, so each generation has a copy of its own.
  /// @param libraries that it needs and that the loader is to have before, in any order: of those
  /// that it looks for by path, it takes one that it has by that name (DT_SONAME)
  static Result<std::unique_ptr<Instance>> open(
      const std::filesystem::path& file, const std::vector<std::filesystem::path>& libraries = {});
  /// Calls destroy() if it is still to be called, and unload().
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  /// As declared; complete once create() has been called.
  [[nodiscard]] const std::vector<RouteInfo>& routes() const { return routes_; }

  /// [control] @param host must live until destroy() has returned @param config a JSON object
  Status create(const dojo_host& host, const std::string& config);
  /// [control] dojo.selftest/1; good if the plugin has none.
  Status selftest();
  /// [control] dojo.state/1 @return nothing if the plugin hands nothing over
  Result<std::optional<std::string>> save();
  /// [control] @return an error also if the plugin does not take a state
  Status restore(std::string_view state);
  [[nodiscard]] bool takes_state() const;
  /// [control] dojo.health/1; good if the plugin has none.
  Status health();
  [[nodiscard]] bool has_health() const;
  /// [control]
  Status start();
  /// [worker] dojo_plugin.handle
  [[nodiscard]] std::int32_t handle(const dojo_request& request) const noexcept;
  /// [worker] dojo_plugin.resume
  void resume(dojo_request_id id) const noexcept;
  /// [worker] The hooks of the request's route.
  [[nodiscard]] Verdict judge(const dojo_request& request) const noexcept;
  /// [control] Calls stop() if start() has been called, and destroy() if create() has. @return what
  /// went wrong: it threw
  Status end();
  /// Gives the shared object back to the loader. No code of it may run after. Whether the loader
  /// lets go of it is another question: see is_mapped().
  void unload();

 private:
  class Library;
  struct Hooks;
  explicit Instance(std::unique_ptr<Library> library);
  Status read_routes();
  template <class Table>
  std::optional<Table> extension(const char* name) const;
  [[nodiscard]] Verdict ask(const dojo_request& request) const;

  std::unique_ptr<Library> library_;
  std::string name_;
  std::string version_;
  std::vector<RouteInfo> routes_;
  std::vector<dojo_route> tables_;  // as read; their pointers lead into the plugin
  dojo_plugin plugin_{};
  bool created_ = false;
  bool started_ = false;
};

/// Whether a file is mapped into this process, by its path in /proc/self/maps.
bool is_mapped(const std::filesystem::path& file);

}  // namespace dojo::plugins
