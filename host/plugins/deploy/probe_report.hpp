// `dojo-host --probe FILE`: what a plugin's author is told of a file.
#pragma once

#include <filesystem>
#include <string>

#include "plugins/deploy/probe.hpp"

namespace dojo::plugins {

struct ProbeReport {
  std::string text;   ///< for a terminal, with a line end
  int exit_code = 0;  ///< 1: the host would refuse the file
};

/// Tries a file as the host does, from a copy with what it brings.
Trial try_copy(const std::filesystem::path& file, const SettingsFor& settings_for,
               const ProbeOptions& options);

/// Tries a file as the host would before it loads it, and lists all that would refuse it.
ProbeReport report_probe(const std::filesystem::path& file, const SettingsFor& settings_for,
                         const ProbeOptions& options);

}  // namespace dojo::plugins
