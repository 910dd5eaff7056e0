// Threads of the host's own: how they are started, told from a plugin's, and kept from ending the
// process.
#pragma once

#include <exception>
#include <functional>
#include <thread>

#include <sys/types.h>

#include <dojo/result.hpp>

namespace dojo::threads {

/// Starts a thread that is_own(). What `work` lets out ends that thread alone, and is written to
/// standard error; work that has to go on guard()s its turns itself.
/// @return an error if there is no thread to be had, or no memory for one
Result<std::thread> start(std::function<void()> work) noexcept;

/// Makes the calling thread, which a library has started, one of the host's own until it ends.
void claim();

/// Whether a thread of this process is the host's: the first one, or started or claimed here. Told
/// by its id, since a thread may call itself anything. Any thread.
bool is_own(pid_t id);

/// For tests: so many more threads can be had; less than 0: no limit.
void limit_starts(int left);

/// Does `work`; if it throws, which outside of start-up means that memory or something else of the
/// machine's has run out, does `failed(what)`. Nothing is let out of either.
template <class Work, class Failed>
void guard(Work&& work, Failed&& failed) noexcept {
  const auto tell = [&](const char* what) {
    try {
      failed(what);
    } catch (...) {  // NOLINT(bugprone-empty-catch) there is not even memory to say so
    }
  };
  try {
    work();
  } catch (const std::exception& error) {
    tell(error.what());
  } catch (...) {
    tell("an exception of no known kind");
  }
}

}  // namespace dojo::threads
