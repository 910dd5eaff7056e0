// `dojo-host --check-config`: whether a host would come up with a config that can be read.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace dojo::host {

struct StartCheck {
  std::vector<std::string> faults;    ///< it would not start, or not serve a plugin
  std::vector<std::string> warnings;  ///< what is probably not meant
  std::string callers;                ///< who may call
};

/// Looks at what the start would: the address is bound for a moment, the wallet read, folders
/// looked at, and each plugin in the folder tried as the host would. Makes and changes nothing but
/// a copy of each plugin, in the folder for temporary files. Takes as long as the trials do.
StartCheck check_start(const Config& config);

}  // namespace dojo::host
