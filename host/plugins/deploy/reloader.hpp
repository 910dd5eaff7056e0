// Takes up plugins from a folder, and replaces them while they serve.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <dojo/result.hpp>

#include "base/log.hpp"
#include "plugins/deploy/candidate.hpp"
#include "plugins/deploy/errands.hpp"
#include "plugins/deploy/folder_watch.hpp"
#include "plugins/deploy/options.hpp"
#include "plugins/deploy/reaper.hpp"
#include "plugins/deploy/staging.hpp"
#include "plugins/deploy/store.hpp"
#include "plugins/deploy/waiting_list.hpp"
#include "plugins/run/generation.hpp"
#include "plugins/run/roster.hpp"
#include "plugins/run/services.hpp"

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

/// The way of a file, each step of which may end it with the old generation still serving:
/// staged (a copy of our own, hashed) → probed (in a process of its own) → loaded and started →
/// active (one swap of its routes). Then the old generation is left to the Reaper. A file that was
/// refused is quarantined by its hash, with the reason; one for which the host has not what it
/// takes (memory, threads, disk: tells_of_shortage()) is tried again by itself, after pauses that
/// double. Source: docs/operations.md, "Replacing one".
///
/// One plugin's generations follow one another; files of different plugins go their way side by
/// side, so that one whose code takes its time, or never comes back, holds up no other. Members may
/// be called from any thread; those that change something block until it is done.
class Reloader {
 public:
  using SettingsOf = std::function<PluginSettings(std::string_view plugin)>;
  struct Options {
    std::filesystem::path folder;  ///< with the operator's .so files
    std::filesystem::path state;   ///< the host's, where copies and the quarantine are kept
    std::filesystem::path worker;  ///< the dojo-worker program
    ReloadOptions reload;
  };

  /// @return an error if the state folder cannot be used. `roster`, `services` and `log` must
  /// outlive it.
  static Result<std::unique_ptr<Reloader>> open(Options options, SettingsOf settings_of,
                                                Roster& roster, Services& services,
                                                const base::Log& log);
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  /// Takes up what is in the folder. What cannot be is logged, and left out.
  void load_all();
  /// Watches the folder from now on.
  void start();
  /// From now on nothing is taken up, and what is being loaded is not held against its file if the
  /// process ends over it.
  void refuse_new();
  /// Stops watching and ends every plugin; requests get the grace alone. A plugin that is being
  /// loaded is waited for as long as one may take to stop. @return false if code of one is left in
  /// this process, which then cannot end in good order
  bool stop();

  /// Takes a plugin's file up anew, also if it is quarantined or unchanged.
  /// @param name the plugin's, or its file's
  Status reload(std::string_view name);
  /// Goes back to the last good copy before the present one, which is quarantined.
  Status rollback(std::string_view name);
  /// Ends a plugin, until reload() or another file.
  Status unload(std::string_view name);
  /// The config has changed: plugins whose settings have, are replaced by themselves with the new
  /// ones, and files that were refused with the old ones are tried again. @return what could not
  /// be, a line each
  Status apply(SettingsOf settings_of);
  /// Whether apply() would: tries the plugins whose settings have changed in processes of their
  /// own, and changes nothing. @return why not, a line for each plugin
  Status check(const SettingsOf& settings_of);
  [[nodiscard]] std::vector<PluginRow> list() const;
  [[nodiscard]] std::uint64_t pinned_ever() const { return reaper_.pinned_ever(); }

 private:
  /// A plugin that has served.
  struct Plugin {
    Loaded active;  // empty: unloaded
    std::filesystem::path source;
    PluginSettings settings;
    std::chrono::system_clock::time_point since;
    std::chrono::steady_clock::time_point probation_end;
    bool on_probation = false;
    double failed_before = 0;  // failure_rate() of the generation before
    std::chrono::steady_clock::time_point next_health;
    std::string unhealthy;  // why
  };
  /// One plugin's turn, for this thread; again for one that has it already. With work_.
  class Turn {
   public:
    Turn(Reloader& reloader, const std::string& plugin);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Reloader& reloader_;
    const std::string plugin_;
    bool first_ = false;
  };
  using Plugins = std::map<std::string, Plugin, std::less<>>;

  Reloader(Options options, SettingsOf settings_of, Roster& roster, Services& services,
           const base::Log& log, Staging staging, Store store);
  void watch();
  void look_round(const std::vector<std::filesystem::path>& changed);
  template <class Act>
  auto aside(Act act);
  [[nodiscard]] bool is_at_work() const { return under_way_ != 0 || !turns_.empty(); }
  void take_up(const std::filesystem::path& source);
  void take_up(Candidate candidate);
  [[nodiscard]] bool is_brought_by_another(const std::filesystem::path& source) const;
  Status deploy(Candidate& candidate);
  Status go_its_way(Candidate& candidate);
  void wait_with(const Candidate& candidate, const std::string& reason);
  void try_waiting();
  Result<std::shared_ptr<const Staged>> stage(Candidate& candidate);
  Status try_out(Candidate& candidate, std::filesystem::path file, const SettingsOf& settings_of,
                 PluginSettings& settings);
  Status replace(Candidate& candidate, std::shared_ptr<const Staged> staged,
                 PluginSettings settings);
  Status bring_up(Generation& generation, const Candidate& candidate);
  [[nodiscard]] bool is_overtaken(const Candidate& candidate, const Plugin* before) const;
  void mark_start(const Candidate& candidate);
  std::shared_ptr<Generation> make(const Candidate& candidate, const Staged& staged,
                                   const PluginSettings& settings, const Plugin* predecessor);
  void make_way(Plugin& plugin);
  void record(const Candidate& candidate, Loaded next, PluginSettings settings);
  void fall_back(const std::string& plugin, const std::filesystem::path& source,
                 const std::string& not_sha256);
  [[nodiscard]] std::optional<Good> good_copy(const std::string& plugin,
                                              const std::string& not_sha256) const;
  void charge(const Candidate& candidate, const std::string& reason);
  void quarantine(const Candidate& candidate, const std::string& reason);
  [[nodiscard]] std::optional<Quarantined> quarantined(const std::string& sha256) const;
  void keep_good(const Loaded& loaded);
  [[nodiscard]] bool failing(const Plugin& plugin) const;
  [[nodiscard]] double failing_now(const Plugin& plugin) const;
  Status go_back(Plugin& plugin, const std::string& reason);
  void end_probations();
  void roll_back(const std::string& name, Plugin& plugin, const std::string& reason);
  void ask_health();
  Plugin* find(std::string_view name);
  Result<Plugin*> find_serving(std::string_view name);
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::optional<std::filesystem::path> source_of(std::string_view name);
  [[nodiscard]] bool serves(const std::filesystem::path& source, const std::string& sha256) const;

  const Options options_;
  SettingsOf settings_of_;
  Roster& roster_;
  Services& services_;
  const base::Log& log_;
  Staging staging_;
  Store store_;
  FolderWatch folder_;
  mutable std::mutex work_;   // whoever changes something, but not while he waits for a plugin
  mutable std::mutex table_;  // plugins_, for readers; writers hold both
  Plugins plugins_;
  WaitingList waiting_;
  std::map<std::filesystem::path, std::string> judged_;  // what was refused, by its hash
  std::uint64_t numbers_ = 0;                            // of generations
  std::atomic<bool> stopping_{false};
  // From here to held_up_: work_.
  std::condition_variable_any changed_;
  std::map<std::string, std::thread::id> turns_;  // plugins, and by whom they are changed
  std::size_t under_way_ = 0;                     // files
  std::vector<const Candidate*> starting_;        // in this process
  bool held_up_ = false;                          // stop() was, by a plugin's code
  Reaper reaper_;
  Errands errands_;  // work_
  std::thread watch_;
};

}  // namespace dojo::plugins
