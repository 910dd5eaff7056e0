#include "worker/process_state.hpp"

#include <array>
#include <cfenv>
#include <charconv>
#include <clocale>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <locale>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

namespace dojo::worker {
namespace {

std::string hex_of(std::uintptr_t value) {
  return fmt::format("{:#x}", value);
}

std::string handler_of(const struct sigaction& action) {
  if ((action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL) return "default";
  if ((action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN) return "ignored";
  const auto address = reinterpret_cast<std::uintptr_t>(action.sa_sigaction);
  return fmt::format("a function, {:#x} {:#x}", address, action.sa_flags);
}

/// What does not change by computing: how results are rounded, what of them traps, what becomes of
/// very small numbers.
std::string floating_point_mode() {
  std::fenv_t mode{};
  std::fegetenv(&mode);
#if defined(__x86_64__)
  constexpr unsigned kFlags = 0x3f;  // that something has happened
  return fmt::format("{:#06x} {:#06x}", mode.__control_word, mode.__mxcsr & ~kFlags);
#else
  return fmt::format("{:#x}", mode.__fpcr);
#endif
}

/// A line of /proc/self/status, such as "Umask:". Asking umask() would change it for a moment.
std::string status_line(std::string_view name) {
  std::ifstream lines("/proc/self/status");
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    line.erase(0, line.find_first_not_of(": \t", name.size()));
    return line;
  }
  return {};
}

/// "rw-p" of the mapping that holds an address.
std::string protection_of(std::uintptr_t address) {
  std::ifstream lines("/proc/self/maps");
  for (std::string line; std::getline(lines, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    const char* const last = line.data() + line.size();
    const auto first = std::from_chars(line.data(), last, begin, 16);
    if (first.ec != std::errc() || first.ptr == last) continue;
    const auto second = std::from_chars(first.ptr + 1, last, end, 16);
    if (second.ec != std::errc() || last - second.ptr < 5) continue;
    if (address >= begin && address < end) return {second.ptr + 1, second.ptr + 5};
  }
  return {};
}

constexpr std::array kTimers = {std::pair{ITIMER_REAL, "the timer that sends SIGALRM"},
                                std::pair{ITIMER_VIRTUAL, "the timer that sends SIGVTALRM"},
                                std::pair{ITIMER_PROF, "the timer that sends SIGPROF"}};
constexpr std::array kLimits = {std::pair{RLIMIT_AS, "RLIMIT_AS"},
                                std::pair{RLIMIT_CORE, "RLIMIT_CORE"},
                                std::pair{RLIMIT_CPU, "RLIMIT_CPU"},
                                std::pair{RLIMIT_DATA, "RLIMIT_DATA"},
                                std::pair{RLIMIT_FSIZE, "RLIMIT_FSIZE"},
                                std::pair{RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK"},
                                std::pair{RLIMIT_NOFILE, "RLIMIT_NOFILE"},
                                std::pair{RLIMIT_NPROC, "RLIMIT_NPROC"},
                                std::pair{RLIMIT_STACK, "RLIMIT_STACK"},
                                std::pair{RLIMIT_RTPRIO, "RLIMIT_RTPRIO"},
                                std::pair{RLIMIT_NICE, "RLIMIT_NICE"},
                                std::pair{RLIMIT_SIGPENDING, "RLIMIT_SIGPENDING"},
                                std::pair{RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE"}};
constexpr std::array kStandard = {"standard input", "standard output", "standard error"};

}  // namespace

ProcessState ProcessState::now() {
  ProcessState state;
  const char* const locale = std::setlocale(LC_ALL, nullptr);
  state.add("the locale", locale == nullptr ? "" : locale, true);
  state.add("the locale of C++", std::locale().name(), true);
  state.add("the floating point mode, as linking with -ffast-math does", floating_point_mode(),
            true);
  state.add("the umask", status_line("Umask"), true);
  std::error_code none;
  state.add("the working folder", std::filesystem::read_symlink("/proc/self/cwd", none), true);
  state.add("std::terminate's handler",
            hex_of(reinterpret_cast<std::uintptr_t>(std::get_terminate())));
  state.add("operator new's handler",
            hex_of(reinterpret_cast<std::uintptr_t>(std::get_new_handler())));
  state.add_environment();
  state.add_signals();
  state.add_limits();
  state.add_descriptors();
  state.add_memory();
  return state;
}

void ProcessState::add(std::string what, std::string value, bool shown) {
  auto copy = shown ? value : std::string();
  values_.insert_or_assign(std::move(what), Value{std::move(value), std::move(copy)});
}

void ProcessState::add_environment() {
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const auto equals = text.find('=');
    add(fmt::format("the environment variable {}", text.substr(0, equals)), std::string(text));
  }
}

void ProcessState::add_signals() {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    struct sigaction action{};
    if (sigaction(number, nullptr, &action) != 0) continue;  // the C library's own
    const char* const name = sigabbrev_np(number);
    add(name == nullptr ? fmt::format("what signal {} does", number)
                        : fmt::format("what SIG{} does", name),
        handler_of(action));
  }
  for (const auto& [which, name] : kTimers) {
    itimerval timer{};
    getitimer(which, &timer);
    const auto runs = [](const timeval& time) { return time.tv_sec != 0 || time.tv_usec != 0; };
    add(name, runs(timer.it_value) || runs(timer.it_interval) ? "runs" : "does not run");
  }
}

void ProcessState::add_limits() {
  for (const auto& [which, name] : kLimits) {
    rlimit limit{};
    getrlimit(which, &limit);
    add(fmt::format("the limit {}", name), fmt::format("{}:{}", limit.rlim_cur, limit.rlim_max));
  }
}

void ProcessState::add_descriptors() {
  for (int fd = 0; fd < static_cast<int>(kStandard.size()); ++fd) {
    struct stat found{};
    add(kStandard[static_cast<std::size_t>(fd)],
        fstat(fd, &found) == 0 ? fmt::format("{}:{}", found.st_dev, found.st_ino) : "closed");
  }
}

/// Loading what needs an executable stack makes all of them so.
void ProcessState::add_memory() {
  const int here = 0;
  add("the protection of stacks", protection_of(reinterpret_cast<std::uintptr_t>(&here)), true);
}

std::vector<std::string> ProcessState::changes_since(const ProcessState& before) const {
  auto all = before.values_;
  all.insert(values_.begin(), values_.end());
  const auto find = [](const ProcessState& state, const std::string& what) {
    const auto found = state.values_.find(what);
    return found == state.values_.end() ? Value() : found->second;
  };
  std::vector<std::string> changes;
  for (const auto& [what, unused] : all) {
    const auto old = find(before, what);
    const auto now = find(*this, what);
    if (old.value == now.value) continue;
    changes.push_back(
        now.shown.empty() ? what : fmt::format("{} ({}, then {})", what, old.shown, now.shown));
  }
  return changes;
}

}  // namespace dojo::worker
