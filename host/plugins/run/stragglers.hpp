// Threads that a plugin has left behind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace dojo::plugins {

/// What the threads that run a generation's code are called, which is how the threads that a plugin
/// makes from them are called too, unless it renames them: the kernel hands names on (prctl(2),
/// PR_SET_NAME).
std::string thread_name(std::uint64_t generation);
/// Names the calling thread so.
void name_this_thread(std::uint64_t generation);

/// Threads of this process that may still run code of a shared object, which therefore must not be
/// unmapped. Looks into /proc/self/task. Threads that threads::is_own() knows, other generations'
/// workers among them, do not run this one's code, whatever they are called. Of the others one with
/// the generation's name is one; of one with a name of its own, the stack is searched for return
/// addresses that lie in `file`, and if it never stops running for long enough to be looked at, it
/// counts as well.
/// @param generation whose own threads have been joined @param file as in /proc/self/maps
/// @return their ids. Takes some milliseconds. Any thread.
std::vector<pid_t> stragglers(std::uint64_t generation, const std::filesystem::path& file);

}  // namespace dojo::plugins
