// What `dojo-host ctl` can ask of a running host.
#pragma once

#include <functional>
#include <string>

#include <dojo/result.hpp>

#include "control/control.hpp"
#include "server.hpp"

namespace dojo::host {

/// plugins, reload NAME, rollback NAME, unload NAME, drain, reload-config, metrics.
/// @param server must outlive them @param reload_config reads the config again and
/// says what came of it @param drain begins
/// to end the host; does not wait for it. Both are called from threads of the control socket.
control::Commands make_commands(Server& server, std::function<Result<std::string>()> reload_config,
                                std::function<void()> drain);

}  // namespace dojo::host
