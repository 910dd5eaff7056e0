// `dojo-worker probe`: tries a plugin's file, in the place of the process that wants to load it.
#pragma once

namespace dojo::worker {

/// @param argv begins with the word "probe" @return the process's exit code
int try_file(int argc, char** argv);

}  // namespace dojo::worker
