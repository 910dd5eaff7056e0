#include "plugins/run/child.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DOJO_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define DOJO_SANITIZED 1
#endif
#endif

namespace dojo::plugins {
namespace {

/// posix_spawn's two tables, which want to be destroyed.
class Plan {
 public:
  Plan() {
    posix_spawn_file_actions_init(&files_);
    posix_spawnattr_init(&attributes_);
    sigset_t set;
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes_, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&attributes_, &set);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~Plan() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  /// @return 0 or an errno
  int inherit(const std::vector<std::pair<int, int>>& descriptors) {
    int last = STDERR_FILENO;
    for (const auto& [ours, theirs] : descriptors) last = std::max(last, theirs);
    // Copies above all targets, so that no dup2() overwrites the source of the next.
    copies_.reserve(descriptors.size());
    for (const auto& [ours, theirs] : descriptors) {
      copies_.emplace_back(fcntl(ours, F_DUPFD_CLOEXEC, last + 1));
      if (!copies_.back()) return errno;
    }
    if (const int error = standard(descriptors); error != 0) return error;
    for (int theirs = STDERR_FILENO + 1; theirs <= last; ++theirs) {
      if (!names(descriptors, theirs)) posix_spawn_file_actions_addclose(&files_, theirs);
    }
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      if (const int error =
              posix_spawn_file_actions_adddup2(&files_, copies_[i].get(), descriptors[i].second);
          error != 0) {
        return error;
      }
    }
    return posix_spawn_file_actions_addclosefrom_np(&files_, last + 1);
  }

  int spawn(const std::filesystem::path& program, const std::vector<std::string>& arguments,
            pid_t& pid) {
    auto texts = arguments;
    texts.insert(texts.begin(), program.filename().string());
    std::vector<char*> argv;
    argv.reserve(texts.size() + 1);
    for (auto& text : texts) argv.push_back(text.data());
    argv.push_back(nullptr);
    return posix_spawn(&pid, program.c_str(), &files_, &attributes_, argv.data(), environ);
  }

 private:
  static bool names(const std::vector<std::pair<int, int>>& descriptors, int theirs) {
    return std::ranges::any_of(descriptors, [&](const auto& row) { return row.second == theirs; });
  }

  /// Standard input, output and error, where they are not named.
  int standard(const std::vector<std::pair<int, int>>& descriptors) {
    int error = 0;
    const auto nothing = [&](int fd) {
      error = posix_spawn_file_actions_addopen(&files_, fd, "/dev/null", O_RDWR, 0);
    };
    if (!names(descriptors, STDIN_FILENO)) nothing(STDIN_FILENO);
    if (error == 0 && !names(descriptors, STDERR_FILENO) && fcntl(STDERR_FILENO, F_GETFD) < 0) {
      nothing(STDERR_FILENO);
    }
    if (error == 0 && !names(descriptors, STDOUT_FILENO)) {
      error = posix_spawn_file_actions_adddup2(&files_, STDERR_FILENO, STDOUT_FILENO);
    }
    return error;
  }

  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
  std::vector<base::Descriptor> copies_;
};

/// glibc 2.36 declares pidfd_open() for C alone.
int open_pidfd(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

Status limit(int resource, const char* name, std::uint64_t soft, std::uint64_t hard) {
  const rlimit wanted{soft, hard};
  if (setrlimit(static_cast<__rlimit_resource>(resource), &wanted) == 0) return {};
  return fail(fmt::format("{} cannot be set to {}: {}", name, soft, std::strerror(errno)));
}

}  // namespace

Result<Child> Child::spawn(const Options& options) {
  Plan plan;
  pid_t pid = -1;
  int error = plan.inherit(options.descriptors);
  if (error == 0) error = plan.spawn(options.program, options.arguments, pid);
  if (error != 0) {
    return fail(
        fmt::format("{} cannot be started: {}", options.program.string(), std::strerror(error)));
  }
  Child child;
  child.pid_ = pid;
  child.pidfd_ = base::Descriptor(open_pidfd(pid));
  if (!child.pidfd_) {
    error = errno;  // before the destructor, which kills and reaps by the pid
    return fail(
        fmt::format("{} cannot be watched: {}", options.program.string(), std::strerror(error)));
  }
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      ending_(std::exchange(other.ending_, std::nullopt)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    ending_ = std::exchange(other.ending_, std::nullopt);
  }
  return *this;
}

Child::~Child() {
  end();
}

void Child::end() noexcept {
  if (pid_ < 0 || ending_) return;
  kill();
  wait(kReaping);
}

bool Child::wait(std::chrono::milliseconds limit) {
  if (pid_ < 0 || ending_) return true;
  constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365);
  const auto until = std::chrono::steady_clock::now() + std::min(limit, kForEver);
  while (pidfd_) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd watched{pidfd_.get(), POLLIN, 0};
    const int ready =
        poll(&watched, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000)));
    if (ready > 0) break;
    if (ready == 0 && left.count() <= 0) return false;
  }
  ::kill(-pid_, SIGKILL);  // what it leaves behind, while its own number is not another's yet
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) < 0 && errno == EINTR) {
  }
  ending_ = info;
  return true;
}

void Child::kill() const {
  if (pid_ < 0 || ending_) return;
  ::kill(pid_, SIGKILL);
  ::kill(-pid_, SIGKILL);
}

std::string Child::how_it_ended() const {
  if (!ending_) return "it is running";
  if (ending_->si_code == CLD_EXITED) return fmt::format("exit code {}", ending_->si_status);
  const char* name = sigdescr_np(ending_->si_status);
  return fmt::format("killed by signal {} ({})", ending_->si_status,
                     name == nullptr ? "unknown" : name);
}

std::optional<int> Child::signal() const {
  if (!ending_ || ending_->si_code == CLD_EXITED) return std::nullopt;
  return ending_->si_status;
}

Status apply_limits(const Limits& limits) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(fmt::format("PR_SET_NO_NEW_PRIVS: {}", std::strerror(errno)));
  }
  auto status = limit(RLIMIT_CORE, "RLIMIT_CORE", 0, 0);
#ifndef DOJO_SANITIZED
  if (status && limits.memory_bytes != 0) {
    status = limit(RLIMIT_DATA, "RLIMIT_DATA", limits.memory_bytes, limits.memory_bytes);
  }
#endif
  if (status && limits.cpu_seconds != 0) {  // SIGXCPU, then SIGKILL
    status = limit(RLIMIT_CPU, "RLIMIT_CPU", limits.cpu_seconds, limits.cpu_seconds + 1);
  }
  if (status && limits.open_files != 0) {
    status = limit(RLIMIT_NOFILE, "RLIMIT_NOFILE", limits.open_files, limits.open_files);
  }
  return status;
}

}  // namespace dojo::plugins
