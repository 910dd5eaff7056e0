#include "plugins/deploy/plugin_table.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace dojo::plugins {

const Plugin* PluginTable::find(std::string_view name) const {
  const auto found = plugins_.find(name);
  return found == plugins_.end() ? nullptr : &found->second;
}

Result<const Plugin*> PluginTable::find_serving(std::string_view name) const {
  const auto* const plugin = find(name);
  if (plugin != nullptr && plugin->serves()) return plugin;
  return fail(fmt::format("there is no plugin \"{}\" that serves", name));
}

bool PluginTable::serves(const std::filesystem::path& source, const std::string& sha256) const {
  return std::ranges::any_of(plugins_, [&](const auto& entry) {
    const auto& [name, plugin] = entry;
    return plugin.serves() && plugin.source == source &&
           plugin.active.generation->blueprint().sha256 == sha256;
  });
}

std::vector<PluginRow> PluginTable::rows(const Roster& roster) const {
  std::vector<PluginRow> rows;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, plugin] : plugins_) {
    if (!plugin.serves()) continue;
    const auto& generation = *plugin.active.generation;
    rows.push_back({name, generation.version(), generation.blueprint().sha256, "active",
                    generation.number(), roster.tally(generation),
                    word(plugin.settings.run.isolation), generation.process(),
                    plugin.source.string(), plugin.since, plugin.unhealthy});
  }
  return rows;
}

Loaded PluginTable::put(const std::string& name, Plugin plugin) {
  const std::lock_guard lock(mutex_);
  return std::exchange(plugins_[name], std::move(plugin)).active;
}

Loaded PluginTable::take(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return std::exchange(plugins_.at(name).active, {});
}

void PluginTable::set_health(const std::string& name, std::string unhealthy,
                             std::chrono::steady_clock::time_point next) {
  const std::lock_guard lock(mutex_);
  auto& plugin = plugins_.at(name);
  plugin.unhealthy = std::move(unhealthy);
  plugin.next_health = next;
}

}  // namespace dojo::plugins
