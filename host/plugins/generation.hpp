// One loaded copy of a plugin, from create() to destroy() and unloading.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <dojo/plugin.h>
#include <dojo/result.hpp>

#include "plugins/services.hpp"

namespace dojo::plugins {

/// A route as its plugin declares it, copied: nothing here points into the shared object.
struct RouteInfo {
  std::string name;
  std::string description;
  std::string request_schema;             ///< JSON, or empty
  std::string response_schema;            ///< JSON, or empty
  std::chrono::milliseconds deadline{0};  ///< 0: the host's default
  std::uint32_t concurrency = 0;          ///< 0: no limit of its own
};

/// A plugin that is loaded, created and started. Whoever handles a request of it holds a reference;
/// the last one to go stops, destroys and unloads it, so that must not be a thread of the plugin's
/// own.
class Generation {
 public:
  /// Loads `file` and brings it to life.
  /// @param config the plugin's table of the config as a JSON object, by the plugin's name
  /// @return the generation, or why not, in words for an operator: not a plugin, another ABI, what
  /// create() or start() said
  template <class ConfigFor>
  static Result<std::shared_ptr<const Generation>> load(const std::filesystem::path& file,
                                                        Services& services, ConfigFor config_for) {
    auto opened = open(file, services);
    if (!opened) return tl::unexpected(opened.error());
    if (auto status = (*opened)->bring_up(config_for((*opened)->name())); !status) {
      return tl::unexpected(status.error());
    }
    return std::shared_ptr<const Generation>(std::move(*opened));
  }
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] const std::vector<RouteInfo>& routes() const { return routes_; }

  /// dojo_plugin.handle. Worker threads.
  [[nodiscard]] std::int32_t handle(const dojo_request& request) const;

 private:
  class Library;
  Generation(std::filesystem::path file, Services& services, std::unique_ptr<Library> library);
  static Result<std::unique_ptr<Generation>> open(const std::filesystem::path& file,
                                                  Services& services);
  Status bring_up(const std::string& config);
  Status read_routes();

  std::filesystem::path file_;
  std::string name_;
  std::string version_;
  std::vector<RouteInfo> routes_;
  Services& services_;
  std::unique_ptr<Library> library_;
  dojo_host host_{};      // what the plugin was given; it may keep the address
  dojo_plugin plugin_{};  // its tables
  bool created_ = false;
  bool started_ = false;
};

}  // namespace dojo::plugins
