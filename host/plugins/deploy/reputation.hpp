// What plugins' files have shown so far: which are refused, and which are good.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <dojo/result.hpp>

#include "base/log.hpp"
#include "plugins/deploy/candidate.hpp"
#include "plugins/deploy/options.hpp"
#include "plugins/deploy/plugin_table.hpp"
#include "plugins/deploy/store.hpp"

namespace dojo::plugins {

/// Tells one plugin's settings from another's, and gives none of them away.
std::string fingerprint(const PluginSettings& settings);

/// Goes by files' hashes. A quarantine ends by itself once the settings that the file was tried
/// with are others. What the Store cannot write down is logged, and holds in this process. All
/// members with the mutex of Turns held.
class Reputation {
 public:
  /// All must outlive it. @param settings_of those in force
  Reputation(Store& store, const SettingsOf& settings_of, const base::Log& log)
      : store_(store), settings_of_(settings_of), log_(log) {}

  void quarantine(const Candidate& candidate, const std::string& reason);
  /// What serves.
  void quarantine(const Plugin& plugin, const std::string& reason);
  /// A file serves: nothing is held against it.
  void clear(const Candidate& candidate);
  /// Whether this was said last of the operator's file, and need not be said again.
  [[nodiscard]] bool is_told(const Candidate& candidate) const;
  /// What has been said may be said again.
  void forget_told() { told_.clear(); }
  /// @return why a file is not tried; `candidate` gets the plugin's name then
  Status check(Candidate& candidate);

  /// Keeps a copy of what serves.
  void keep_good(const Loaded& loaded);
  /// The newest copy that is kept, and not quarantined. @param but a hash, of which it must not be
  [[nodiscard]] std::optional<Good> good_copy(const std::string& plugin,
                                              const std::string& but) const;

 private:
  [[nodiscard]] std::optional<Quarantined> quarantined(const std::string& sha256) const;

  Store& store_;
  const SettingsOf& settings_of_;
  const base::Log& log_;
  std::map<std::filesystem::path, std::string> told_;  // by operator's file: the hash refused last
};

}  // namespace dojo::plugins
