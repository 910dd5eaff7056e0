// `dojo-worker serve`: isolation = "process". Runs one plugin for the host that started it.
#pragma once

namespace dojo::worker {

/// @param argv "serve" and how many lanes there are behind the control socket (plugins/lane.hpp);
/// the rest comes through that @return the process's exit code
int serve(int argc, char** argv);

}  // namespace dojo::worker
