// What the control socket can be asked about callers: why, test, rules, allow, deny, ban …
#pragma once

#include "control/control.hpp"
#include "server.hpp"

namespace dojo::host {

/// Adds them. `server` must outlive the commands.
void add_access_commands(control::Commands& commands, Server& server);

}  // namespace dojo::host
