// What differs between two configs, and what of it a running host can take over.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace dojo::host {

/// Keys by their full names, sorted; values never, since a plugin's may be secret.
struct ConfigChanges {
  std::vector<std::string> in_force;      ///< changed since the last config, and taken over
  std::vector<std::string> need_restart;  ///< changed since the start, and not taken over

  /// For a person.
  [[nodiscard]] std::string text() const;
};

/// @param start the host began with @param before is in force now
ConfigChanges changes_of(const Config& start, const Config& before, const Config& next);

}  // namespace dojo::host
