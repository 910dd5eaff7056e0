// What the process of a plugin is kept from.
#pragma once

#include <filesystem>

#include <dojo/result.hpp>

#include "plugins/run/sandbox_options.hpp"

namespace dojo::worker {

/// Puts this process where code of the plugin's may run, for good: the environment that the options
/// say, and, if they have it on, the sandbox. To be called while there is one thread, after
/// apply_limits(), before any code of the plugin's is loaded.
///
/// The sandbox is made of
/// - Landlock: it opens its own file, what a program needs of the system (its libraries, names of
///   hosts, certificates, time zones), /proc/self, and what the options grant;
/// - seccomp: system calls fail with EPERM that no plugin has a use for and that code which has
///   been taken over would want. A list of what is denied, not of what is allowed: plugins bring
///   along runtimes (models on a GPU, an interpreter, an HTTP client) whose calls nobody could
///   list, and a plugin that dies of a forgotten one after a month is worse than none. It keeps a
///   plugin from programs and processes, from Unix sockets that are not its own, from the modes,
///   owners and times of files (which Landlock does not know), from namespaces and mounts, and from
///   those parts of the kernel where its bugs are found (bpf, io_uring, userfaultfd, keyrings,
///   perf);
/// - a user of its own where the options name one, and no capabilities in any case;
/// - an environment without the host's: see kept().
/// TCP and UDP are as open as to the host: models are called over them.
///
/// Where the kernel lacks a part the others hold: see plugins::sandbox_gaps().
/// @param file the plugin's, staged: with its libraries beside it
Status confine(const plugins::SandboxOptions& options, const std::filesystem::path& file);

}  // namespace dojo::worker
