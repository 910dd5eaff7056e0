// `dojo-host ctl`: asks a running host through its control socket.
#pragma once

namespace dojo::control {

/// What scripts can rely on; `dojo-host ctl --help` lists them.
enum CtlExit : int { kDone = 0, kRefused = 1, kCtlUsage = 2, kNoHost = 3 };

/// @param argv begins with the word "ctl" @return the process's exit code
///
/// The host answers `plugins` with a list of objects, a row for each plugin and for each file that
/// is kept out: name, version, sha256, state (active, draining, pinned, quarantined), generation,
/// in_flight, answered, failed, isolation, pid, file, since, reason; null, or left out, where there
/// is none. `metrics` is answered with a text. What the others are
/// answered with is shown as it is: a text, or an object of a few values.
int ctl(int argc, char** argv);

}  // namespace dojo::control
