// Takes up plugins from a folder, and replaces them while they serve.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <dojo/result.hpp>

#include "base/log.hpp"
#include "plugins/deploy/deployer.hpp"
#include "plugins/deploy/errands.hpp"
#include "plugins/deploy/folder_watch.hpp"
#include "plugins/deploy/options.hpp"
#include "plugins/deploy/plugin_table.hpp"

namespace dojo::plugins {

/// Says when: has the Deployer bring up what the folder holds, what has waited long enough, what an
/// operator asks for; and the good copy in the place of what fails on probation.
///
/// One plugin's generations follow one another; files of different plugins go their way side by
/// side, so that one whose code takes its time, or never comes back, holds up no other. Members may
/// be called from any thread; those that change something block until it is done.
class Reloader {
 public:
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
  Status apply(const SettingsOf& settings_of);
  /// Whether apply() would: tries the plugins whose settings have changed in processes of their
  /// own, and changes nothing. @return why not, a line for each plugin
  Status check(const SettingsOf& settings_of);
  [[nodiscard]] std::vector<PluginRow> list() const;
  [[nodiscard]] std::uint64_t pinned_ever() const { return reaper_.pinned_ever(); }

 private:
  Reloader(Options options, SettingsOf settings_of, Roster& roster, Services& services,
           const base::Log& log, Staging staging, Store store);
  void watch();
  void look_round(const std::vector<std::filesystem::path>& changed);
  void take_up(const std::filesystem::path& source);
  void take_up(Candidate candidate);
  [[nodiscard]] bool is_brought_by_another(const std::filesystem::path& source) const;
  void end_probations();
  void roll_back(const std::string& name, const Plugin& plugin, const std::string& reason);
  void ask_health();
  template <class Act>
  Status for_changed(const SettingsOf& settings_of, Act act);
  [[nodiscard]] std::optional<std::filesystem::path> source_of(std::string_view name) const;

  const Options options_;
  Roster& roster_;
  const base::Log& log_;
  FolderWatch folder_{options_.folder, {options_.reload.debounce, options_.reload.rescan, true}};
  Deployer deployer_;
  Turns& turns_ = deployer_.turns();
  PluginTable& plugins_ = deployer_.plugins();
  WaitingList& waiting_ = deployer_.waiting();
  Reputation& reputation_ = deployer_.reputation();
  Reaper& reaper_ = deployer_.reaper();
  bool held_up_ = false;  // stop() was, by a plugin's code
  Errands errands_{turns_.mutex(), [this] { return !turns_.closed(); }, log_};
  std::thread watch_;
};

}  // namespace dojo::plugins
