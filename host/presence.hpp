// That a host with some hotkey runs on this machine, for others that would with the same.
#pragma once

#include <string_view>

#include "base/descriptor.hpp"

namespace dojo::host {

/// Claims a hotkey among the hosts of this machine (of its network namespace), as long as the
/// descriptor lives: by the name of an abstract Unix socket (unix(7)), which needs no file and ends
/// with the process. Nobody listens on it. Whoever claims one without right costs the host a
/// warning.
/// @param hotkey SS58 @return nothing if another process has claimed it, or it cannot be told
base::Descriptor claim_hotkey(std::string_view hotkey);

}  // namespace dojo::host
