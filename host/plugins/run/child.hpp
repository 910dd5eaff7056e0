// A process that this one starts, watches and ends: where the code of plugins is tried, or runs.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"

namespace dojo::plugins {

/// A child process with an owner: it does not outlive this object, and neither does what it leaves
/// behind in its process group. Move-only. One thread at a time, but for pidfd(), which any thread
/// may poll while the object lives.
class Child {
 public:
  /// How long to wait after SIGKILL, which only the kernel can hold up.
  static constexpr std::chrono::seconds kReaping{5};

  struct Options {
    std::filesystem::path program;
    std::vector<std::string> arguments;  ///< without the program's own name
    /// What it inherits: {ours, theirs}. Nothing else is open in it but standard input, output and
    /// error; those that are not named here are /dev/null, and our standard error twice.
    std::vector<std::pair<int, int>> descriptors;
  };

  /// Starts it in a process group of its own, with no signal blocked or ignored.
  static Result<Child> spawn(const Options& options);
  Child() = default;  ///< none
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  /// Kills and reaps it. Does not wait for ever for one that is stuck in the kernel.
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Readable once it has ended. The Child's own.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  /// @return true: it has ended, and is reaped
  bool wait(std::chrono::milliseconds limit);
  /// SIGKILL, to it and to its process group. It is still to be waited for.
  void kill() const;
  /// "killed by signal 11 (Segmentation fault)", "exit code 3"; "it is running" before wait() has
  /// returned true.
  [[nodiscard]] std::string how_it_ended() const;
  /// Which signal ended it; nothing if none did, or none has yet.
  [[nodiscard]] std::optional<int> signal() const;

 private:
  void end() noexcept;

  pid_t pid_ = -1;
  base::Descriptor pidfd_;
  std::optional<siginfo_t> ending_;
};

/// What a process may use. 0: as much as there is.
struct Limits {
  std::uint64_t memory_bytes = 0;
  std::uint64_t cpu_seconds = 0;
  std::uint64_t open_files = 0;
};

/// Limits this process, for dojo-worker to call before it touches anything of a plugin. It also
/// gets no privileges that it has not, writes no core file, and is killed when the *thread* that
/// started it ends (PR_SET_PDEATHSIG): the host starts its workers from threads that live as long
/// as they do.
///
/// Memory is limited by RLIMIT_DATA, which counts what is private and writable: what a plugin
/// allocates. RLIMIT_AS would count mapped model files and address space that is only reserved, as
/// every thread and GPU runtime does. Not limited in builds with a sanitizer, which maps terabytes.
Status apply_limits(const Limits& limits);

}  // namespace dojo::plugins
