// How plugins are run and replaced, as the config has it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "plugins/run/sandbox_options.hpp"

namespace dojo::plugins {

/// Of every plugin: [reload].
struct ReloadOptions {
  std::chrono::milliseconds debounce{
      300};  ///< a file is taken up when it has not changed for so long
  std::chrono::milliseconds rescan{5'000};  ///< the folder is looked through at least so often
  std::chrono::milliseconds probe{10'000};  ///< for trying a file in a process of its own
  std::uint64_t probe_memory = std::uint64_t{4} << 30;  ///< bytes it may use there
  std::chrono::milliseconds start{30'000};              ///< for loading, create() and start()
  std::chrono::milliseconds drain{30'000};              ///< for the old generation's requests
  std::chrono::milliseconds grace{1'000};  ///< for those that were cancelled after that
  std::chrono::milliseconds stop{10'000};  ///< for stop() and destroy()
  std::chrono::seconds probation{60};      ///< how long a new generation is watched for failures
  std::uint32_t probation_requests = 20;   ///< fewer say nothing
  std::uint32_t probation_failures = 50;  ///< percent failed at which it is rolled back; 101: never
  std::uint32_t probation_callers = 2;    ///< for how many callers it has to fail so
  std::chrono::seconds health{10};        ///< between two health checks
  unsigned workers = 0;  ///< threads that run a plugin's handlers; 0: two per core, at least four
};

enum class Isolation { thread, process };
inline const char* word(Isolation isolation) {
  return isolation == Isolation::process ? "process" : "thread";
}
enum class Replacement {
  swap,      ///< start the new one beside the old one, then switch
  exclusive  ///< for plugins that cannot be there twice: stop the old one first
};

/// Of one plugin: [run.<plugin>].
struct RunOptions {
  unsigned workers = 0;  ///< threads that run its handlers; 0: as ReloadOptions says
  Isolation isolation = Isolation::thread;
  Replacement replacement = Replacement::swap;
  // With Isolation::process; 0: no limit.
  std::uint64_t memory = 0;  ///< bytes
  std::uint64_t cpu = 0;     ///< seconds, over the life of one process
  std::uint64_t files = 0;   ///< open at once
  SandboxOptions sandbox{.on = true};
  std::chrono::milliseconds restart_most{10'000};  ///< the longest wait before it is started anew
  friend bool operator==(const RunOptions&, const RunOptions&) = default;
};

/// Of one plugin, all that is said about it.
struct PluginSettings {
  std::string config = "{}";  ///< [plugins.<plugin>] as a JSON object
  std::string where{};        ///< "file:line" of that table; empty if there is none
  RunOptions run{};
  friend bool operator==(const PluginSettings& a, const PluginSettings& b) {
    return a.config == b.config && a.run == b.run;
  }
};

using SettingsOf = std::function<PluginSettings(std::string_view plugin)>;

}  // namespace dojo::plugins
