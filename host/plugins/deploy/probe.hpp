// Trying a plugin's file in a process that may die of it, before this one loads it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <dojo/result.hpp>

#include "plugins/deploy/options.hpp"

namespace dojo::plugins {

struct ProbeOptions {
  std::filesystem::path program;            ///< dojo-worker
  std::chrono::milliseconds limit{10'000};  ///< for the whole trial, create() included
  std::uint64_t memory_bytes = 0;           ///< see Limits
};

/// What a trial found out.
struct Probed {
  std::string name;  ///< of the note: read before any code of the plugin ran
  std::string version;
  std::vector<std::string> routes;
  std::vector<std::string> notes;  ///< remarks that refuse nothing, such as a missing health check
};

/// A trial, whichever way it went.
struct Trial {
  Probed probed;                    ///< as far as it came
  std::vector<std::string> faults;  ///< what refuses the file; empty: nothing does
  bool shortage = false;  ///< they are the host's condition: the file was not tried to its end
};

/// What is known of a plugin once its name is.
struct TrialSettings {
  std::string config = "{}";  ///< a JSON object
  bool isolated = false;      ///< it is to serve in a process of its own, and need not be unloaded
  SandboxOptions sandbox{};   ///< it is tried in the one in which it is to serve
};
TrialSettings trial_settings(const PluginSettings& settings);
/// By the plugin's name, which is a valid one.
using SettingsFor = std::function<TrialSettings(const std::string& plugin)>;

/// Runs `dojo-worker probe` on a file: checks it, loads it, creates it, runs its selftest, destroys
/// and unloads it. The plugin's code can say what it likes, also that it is good, but not under
/// another name; it can neither end, nor hang, nor fill this process, and sees no config but its
/// own. Any thread; the calling thread waits for as long as the trial takes.
Trial try_plugin(const std::filesystem::path& file, const SettingsFor& settings_for,
                 const ProbeOptions& options);

/// The same, as a verdict. @return the faults as one error
Result<Probed> probe(const std::filesystem::path& file, const SettingsFor& settings_for,
                     const ProbeOptions& options);

}  // namespace dojo::plugins
