// What the system calls of a worker process are kept from.
#pragma once

#include <dojo/result.hpp>

namespace dojo::worker {

/// Takes from this process, for good, system calls that no plugin has a use for and that code which
/// has been taken over would want: they fail with EPERM. To be called while there is one thread,
/// before any code of the plugin's is loaded.
///
/// A list of what is denied, not of what is allowed: plugins bring along runtimes (models on a GPU,
/// an interpreter, an HTTP client) whose calls nobody could list, and a plugin that dies of a
/// forgotten one after a month is worse than none. So this is no jail. It keeps a plugin from
/// starting programs, from looking into or signalling other processes, from new namespaces and
/// mounts, and from those parts of the kernel where its bugs are found (bpf, io_uring, userfaultfd,
/// keyrings, perf). It does not keep it from files of the host's user nor from the network: models
/// are called over it. For that, give the host a user of its own, and limits of the service
/// manager's.
Status enter_sandbox();

}  // namespace dojo::worker
