// What `dojo-worker probe` and the host say to each other: lines of JSON over a socket.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/result.hpp>

#include "plugins/run/sandbox_options.hpp"

namespace dojo::plugins {

/// The worker's descriptor of the socket.
inline constexpr int kProbeDescriptor = 3;
/// Bytes of a line of the worker's. The host's one line, the config, may be longer.
inline constexpr std::size_t kLongestProbeLine = std::size_t{256} << 10;

/// How far a trial has come. The worker says each before it begins it, so that its death has a
/// place.
enum class Stage { check, load, create, selftest, destroy, unload };

/// What the plugin was doing, for "it did not come back from …" and "… in …".
std::string_view describe(Stage stage);

/// A line of the worker's. In the order of a good trial: stage check, facts, stages load to unload,
/// good. The host sends the config once it has the facts.
struct ProbeLine {
  enum class Kind { stage, facts, refused, good };
  Kind kind = Kind::stage;
  std::optional<Stage> stage;       ///< of stage
  std::string name;                 ///< of facts: the plugin's
  std::vector<std::string> faults;  ///< of facts, see loading_faults(); of refused
  std::vector<std::string> stuck;   ///< of facts and good: what keeps it from the host's process
  std::vector<std::string> notes;   ///< of facts and good: what to know, and what refuses nothing
  std::string version;              ///< of good
  std::vector<std::string> routes;  ///< of good
  bool shortage = false;            ///< of refused, see Trial
};

/// @return a line with its end
std::string write_probe_line(const ProbeLine& line);
/// Reads what a hostile process may have written. Texts come back short and printable. @param line
/// without its end
Result<ProbeLine> read_probe_line(std::string_view line);

/// The host's line, about the plugin that the worker named.
struct ProbeConfig {
  std::string config;
  SandboxOptions sandbox{};  ///< off for one that is to serve in the host's own process
};
std::string write_probe_config(const ProbeConfig& config);
Result<ProbeConfig> read_probe_config(std::string_view line);

}  // namespace dojo::plugins
