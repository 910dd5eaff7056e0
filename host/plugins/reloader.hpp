// Takes up plugins from a folder, and replaces them while they serve.
#pragma once

#include <atomic>
#include <chrono>
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

#include "log.hpp"
#include "plugins/folder_watch.hpp"
#include "plugins/generation.hpp"
#include "plugins/options.hpp"
#include "plugins/reaper.hpp"
#include "plugins/services.hpp"
#include "plugins/serving.hpp"
#include "plugins/staging.hpp"
#include "plugins/store.hpp"

namespace dojo::plugins {

/// Where a plugin, or one generation of it, stands.
struct PluginRow {
  std::string name{};  ///< empty: the file never got as far as having one
  std::string version{};
  std::string sha256{};
  std::string state{};  ///< active, draining, pinned, quarantined
  std::optional<std::uint64_t> generation{};
  Tally tally{};
  std::string isolation{};
  std::optional<std::int64_t> pid{};  ///< of its process, if it has one
  std::string file{};                 ///< the operator's
  std::optional<std::chrono::system_clock::time_point> since{};
  std::string reason{};  ///< of a quarantine, a pin, or bad health
};

/// The way of a file, each step of which may end it with the old generation still serving:
/// staged (a copy of our own, hashed) → probed (in a process of its own) → loaded and started →
/// active (one swap of its routes). Then the old generation is left to the Reaper. A file that was
/// refused is quarantined by its hash, with the reason. Source: docs/operations.md, "Replacing
/// one".
///
/// One file at a time. Members may be called from any thread; those that change something block
/// until it is done.
class Reloader {
 public:
  using SettingsOf = std::function<PluginSettings(std::string_view plugin)>;
  struct Options {
    std::filesystem::path folder;  ///< with the operator's .so files
    std::filesystem::path state;   ///< the host's, where copies and the quarantine are kept
    std::filesystem::path worker;  ///< the dojo-worker program
    ReloadOptions reload;
  };

  /// @return an error if the state folder cannot be used. `serving`, `services` and `log` must
  /// outlive it.
  static Result<std::unique_ptr<Reloader>> open(Options options, SettingsOf settings_of,
                                                Serving& serving, Services& services,
                                                const host::Log& log);
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  /// Takes up what is in the folder. What cannot be is logged, and left out.
  void load_all();
  /// Watches the folder from now on.
  void start();
  /// Stops watching and ends every plugin; requests get the grace alone. @return false if code of
  /// one is left in this process, which then cannot end in good order
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
    std::chrono::steady_clock::time_point next_health;
    std::string unhealthy;  // why
  };
  /// What is to be taken up.
  struct Candidate {
    std::filesystem::path file;    // to be copied
    std::filesystem::path source;  // the operator's, for whom it stands
    bool insist = false;           // also if quarantined, or active already
    std::string plugin{};          // once known
    std::string sha256{};          // if given, what the file's must be
    std::string settings{};        // fingerprint of those that it has been tried with
    bool proven = false;           // it serves now: if it fails here, that is not the file's fault
  };
  using Plugins = std::map<std::string, Plugin, std::less<>>;

  Reloader(Options options, SettingsOf settings_of, Serving& serving, Services& services,
           const host::Log& log, Staging staging, Store store);
  void watch();
  void take_up(const std::filesystem::path& source);
  Status deploy(Candidate& candidate);
  Result<std::shared_ptr<const Staged>> stage(const std::filesystem::path& file);
  Status try_out(Candidate& candidate, const Staged& staged, PluginSettings& settings);
  Status replace(Candidate& candidate, std::shared_ptr<const Staged> staged,
                 PluginSettings settings);
  Status bring_up(Generation& generation, const Candidate& candidate);
  std::shared_ptr<Generation> make(const Candidate& candidate, const Staged& staged,
                                   const PluginSettings& settings, const Plugin* predecessor);
  void make_way(Plugin& plugin);
  void record(const Candidate& candidate, Loaded next, PluginSettings settings);
  void fall_back(const std::string& plugin, const std::filesystem::path& source,
                 const std::string& not_sha256);
  [[nodiscard]] std::optional<Good> good_copy(const std::string& plugin,
                                              const std::string& not_sha256) const;
  void quarantine(const Candidate& candidate, const std::string& reason);
  [[nodiscard]] std::optional<Quarantined> quarantined(const std::string& sha256) const;
  void keep_good(const Loaded& loaded);
  [[nodiscard]] bool failing(const Plugin& plugin) const;
  Status go_back(Plugin& plugin, const std::string& reason);
  void end_probations();
  void ask_health();
  Plugin* find(std::string_view name);
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::optional<std::filesystem::path> source_of(std::string_view name);
  [[nodiscard]] bool serves(const std::filesystem::path& source, const std::string& sha256) const;

  const Options options_;
  SettingsOf settings_of_;
  Serving& serving_;
  Services& services_;
  const host::Log& log_;
  Staging staging_;
  Store store_;
  FolderWatch folder_;
  std::mutex work_;           // whoever changes something
  mutable std::mutex table_;  // plugins_, for readers; writers hold both
  Plugins plugins_;
  std::map<std::filesystem::path, std::string> judged_;  // what was refused, by its hash
  std::uint64_t numbers_ = 0;                            // of generations
  std::atomic<bool> stopping_{false};
  Reaper reaper_;
  std::thread watch_;
};

}  // namespace dojo::plugins
