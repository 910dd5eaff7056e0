// The plugins that serve, or have served.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/result.hpp>

#include "plugins/deploy/options.hpp"
#include "plugins/deploy/reaper.hpp"
#include "plugins/run/roster.hpp"

namespace dojo::plugins {

/// Where a plugin, or one generation of it, stands.
struct PluginRow {
  std::string name{};  ///< empty: the file never got as far as having one
  std::string version{};
  std::string sha256{};
  std::string state{};  ///< active, draining, pinned, quarantined, waiting
  std::optional<std::uint64_t> generation{};
  Tally tally{};
  std::string isolation{};
  std::optional<std::int64_t> pid{};  ///< of its process, if it has one
  std::string file{};                 ///< the operator's
  std::optional<std::chrono::system_clock::time_point> since{};
  std::string reason{};  ///< of a quarantine, a pin, or bad health; what is waited for
};

/// A plugin that has served.
struct Plugin {
  Loaded active;  ///< empty: unloaded
  std::filesystem::path source;
  PluginSettings settings;
  std::chrono::system_clock::time_point since;
  double failed_before = 0;  ///< Probation::failing() of the generation before
  std::chrono::steady_clock::time_point probation_end;
  std::chrono::steady_clock::time_point next_health;
  bool on_probation = true;
  std::string unhealthy{};  ///< why
  [[nodiscard]] bool serves() const { return active.generation != nullptr; }
};

/// Rows stay where they are, and none goes. rows(): any thread; all else with the mutex of Turns
/// held. What changes is changed here, since somebody may be reading.
class PluginTable {
 public:
  using Plugins = std::map<std::string, Plugin, std::less<>>;

  [[nodiscard]] const Plugins& all() const { return plugins_; }
  /// @return null if there was never one
  [[nodiscard]] const Plugin* find(std::string_view name) const;
  [[nodiscard]] Result<const Plugin*> find_serving(std::string_view name) const;
  /// Whether this very file serves already.
  [[nodiscard]] bool serves(const std::filesystem::path& source, const std::string& sha256) const;
  /// The active ones.
  [[nodiscard]] std::vector<PluginRow> rows(const Roster& roster) const;

  /// Of a plugin, from now on. @return what served before
  Loaded put(const std::string& name, Plugin plugin);
  /// Nothing serves for it any more. @return what did
  Loaded take(const std::string& name);
  void end_probation(const std::string& name) { plugins_.at(name).on_probation = false; }
  /// @param unhealthy why; empty: it is well
  void set_health(const std::string& name, std::string unhealthy,
                  std::chrono::steady_clock::time_point next);

 private:
  mutable std::mutex mutex_;  // for rows()
  Plugins plugins_;
};

}  // namespace dojo::plugins
