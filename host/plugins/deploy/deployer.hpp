// How a plugin's file comes to serve.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <dojo/result.hpp>

#include "base/log.hpp"
#include "plugins/deploy/candidate.hpp"
#include "plugins/deploy/options.hpp"
#include "plugins/deploy/plugin_table.hpp"
#include "plugins/deploy/probation.hpp"
#include "plugins/deploy/reaper.hpp"
#include "plugins/deploy/reputation.hpp"
#include "plugins/deploy/staging.hpp"
#include "plugins/deploy/store.hpp"
#include "plugins/deploy/turns.hpp"
#include "plugins/deploy/waiting_list.hpp"
#include "plugins/run/generation.hpp"
#include "plugins/run/roster.hpp"
#include "plugins/run/services.hpp"

namespace dojo::plugins {

/// The way of a file, each step of which may end it with the old generation still serving:
/// staged (a copy of our own, hashed) → probed (in a process of its own) → loaded and started →
/// active (one swap of its routes). Then the old generation is left to the Reaper. A file that was
/// refused is quarantined by its hash, with the reason; one for which the host has not what it
/// takes (memory, threads, disk: tells_of_shortage()) is tried again by itself, after pauses that
/// double. Source: docs/operations.md, "Replacing one".
///
/// All members but refuse_new() with the mutex of turns() held.
class Deployer {
 public:
  /// @param worker the dojo-worker program; `options`, `roster`, `services` and `log` must outlive
  /// it
  Deployer(std::filesystem::path worker, const ReloadOptions& options, SettingsOf settings_of,
           Roster& roster, Services& services, const base::Log& log, Staging staging, Store store);

  /// @return why its file does not serve; it may wait then. Good also if it need not be tried
  Status deploy(Candidate& candidate);
  /// Tries a file in a process of its own. @param settings are filled in: those it was tried with
  Status try_out(Candidate& candidate, const std::filesystem::path& file,
                 const SettingsOf& settings_of, PluginSettings& settings);
  /// Has the newest good copy serve in the place of a file that does not, if nothing does.
  void fall_back(const Candidate& failed);
  /// To the last good copy before what serves, which is quarantined.
  Status go_back(const Plugin& plugin, const std::string& reason);
  /// Ends what serves.
  void unload(const std::string& plugin);
  /// Ends all that serve, and waits for no requests.
  void unload_all();
  /// The settings in force from now on.
  void apply(SettingsOf settings_of) { settings_of_ = std::move(settings_of); }
  /// Nothing is begun any more, and what is being started is not held against its file if the
  /// process ends over it. Any thread.
  void refuse_new();

  [[nodiscard]] Turns& turns() { return turns_; }
  [[nodiscard]] PluginTable& plugins() { return plugins_; }
  [[nodiscard]] WaitingList& waiting() { return waiting_; }
  [[nodiscard]] Reputation& reputation() { return reputation_; }
  [[nodiscard]] Reaper& reaper() { return reaper_; }
  [[nodiscard]] const Store& store() const { return store_; }
  [[nodiscard]] const Probation& probation() const { return probation_; }

 private:
  Status go_its_way(Candidate& candidate);
  Result<std::shared_ptr<const Staged>> stage(Candidate& candidate);
  Status replace(Candidate& candidate, std::shared_ptr<const Staged> staged,
                 PluginSettings settings);
  std::shared_ptr<Generation> make(const Candidate& candidate, const Staged& staged,
                                   const PluginSettings& settings, const Plugin* predecessor);
  Status bring_up(Generation& generation, const Candidate& candidate);
  void mark_start(const Candidate& candidate);
  void record(const Candidate& candidate, Loaded next, PluginSettings settings);
  void charge(const Candidate& candidate, const std::string& reason);
  Status wait_with(Candidate asked, const Candidate& failed, const Error& why);
  void make_way(const std::string& plugin);

  const std::filesystem::path worker_;
  const ReloadOptions& options_;
  SettingsOf settings_of_;
  Roster& roster_;
  Services& services_;
  const base::Log& log_;
  Staging staging_;
  Store store_;
  Turns turns_;
  PluginTable plugins_;
  WaitingList waiting_{options_.rescan};
  Reputation reputation_{store_, settings_of_, log_};
  const Probation probation_{roster_, options_};
  std::uint64_t numbers_ = 0;               // of generations
  bool told_of_gaps_ = false;               // see sandbox_gaps()
  std::vector<const Candidate*> starting_;  // in this process
  Reaper reaper_{roster_, log_, {options_.drain, options_.grace, options_.stop}};
};

}  // namespace dojo::plugins
