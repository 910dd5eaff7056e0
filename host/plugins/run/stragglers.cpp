#include "plugins/run/stragglers.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/threads.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;

constexpr char kNamePrefix[] = "dojo-g";
constexpr std::size_t kStackSearched = std::size_t{8} << 20;  // bytes from the stack's top
constexpr int kLooks = 200;                                   // a millisecond apart

struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  [[nodiscard]] bool holds(std::uintptr_t address) const {
    return address >= begin && address < end;
  }
};

struct Map {
  std::vector<Range> code;  // of the file
  std::vector<Range> all;
};

Map read_map(const fs::path& file) {
  Map map;
  std::ifstream lines("/proc/self/maps");
  for (std::string line; std::getline(lines, line);) {
    Range range;
    const char* const end = line.data() + line.size();
    const auto first = std::from_chars(line.data(), end, range.begin, 16);
    if (first.ec != std::errc() || first.ptr == end) continue;
    const auto second = std::from_chars(first.ptr + 1, end, range.end, 16);
    if (second.ec != std::errc()) continue;
    map.all.push_back(range);
    const std::string_view rest(second.ptr, static_cast<std::size_t>(end - second.ptr));
    if (rest.size() > 3 && rest[3] == 'x' && rest.find(file.native()) != std::string_view::npos) {
      map.code.push_back(range);
    }
  }
  return map;
}

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// Where a thread's stack ends for now, while it waits in the kernel; nothing while it runs.
/// Source: proc(5), /proc/pid/syscall: "… the stack pointer and the program counter".
std::optional<std::uintptr_t> stack_pointer(const fs::path& task) {
  const auto line = first_line(task / "syscall");
  const auto last = line.rfind(' ');
  if (last == std::string::npos || last == 0) return std::nullopt;
  const auto before = line.rfind(' ', last - 1);
  if (before == std::string::npos || line.compare(before + 1, 2, "0x") != 0) return std::nullopt;
  std::uintptr_t pointer = 0;
  const auto read = std::from_chars(line.data() + before + 3, line.data() + last, pointer, 16);
  return read.ec == std::errc() ? std::optional(pointer) : std::nullopt;
}

bool leads_into(const Map& map, std::uintptr_t stack) {
  const auto mapping =
      std::ranges::find_if(map.all, [&](const Range& range) { return range.holds(stack); });
  if (mapping == map.all.end()) return false;
  std::vector<std::uintptr_t> words(std::min(mapping->end - stack, kStackSearched) /
                                    sizeof(std::uintptr_t));
  // Through the kernel, which minds neither that the stack is in use nor that it may go.
  const iovec ours{words.data(), words.size() * sizeof(std::uintptr_t)};
  const iovec theirs{reinterpret_cast<void*>(stack), ours.iov_len};  // NOLINT(*int-to-ptr)
  const auto got = process_vm_readv(getpid(), &ours, 1, &theirs, 1, 0);
  if (got <= 0) return false;
  words.resize(static_cast<std::size_t>(got) / sizeof(std::uintptr_t));
  return std::ranges::any_of(words, [&](std::uintptr_t word) {
    return std::ranges::any_of(map.code, [&](const Range& code) { return code.holds(word); });
  });
}

/// Whether a thread will never run code again: whoever joins it goes on a moment before it is no
/// longer listed. Source: proc(5), /proc/pid/stat, "flags"; PF_EXITING in linux/sched.h.
bool is_exiting(const fs::path& task) {
  constexpr unsigned kExiting = 0x4;
  const auto line = first_line(task / "stat");
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return true;  // it has gone
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < 6; ++i) fields >> skipped;  // state, ppid, pgrp, session, tty_nr, tpgid
  unsigned flags = 0;
  fields >> flags;
  return (flags & kExiting) != 0;
}

/// Of a thread that may be anybody's.
bool runs_code_of(const fs::path& file, const fs::path& task) {
  for (int look = 0; look < kLooks; ++look) {
    std::error_code error;
    if (!fs::exists(task, error)) return false;
    if (const auto stack = stack_pointer(task)) return leads_into(read_map(file), *stack);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

std::string thread_name(std::uint64_t generation) {
  return kNamePrefix + std::to_string(generation % 1'000'000'000);  // 15 characters at most
}

void name_this_thread(std::uint64_t generation) {
  prctl(PR_SET_NAME, thread_name(generation).c_str(), 0, 0, 0);
}

std::vector<pid_t> stragglers(std::uint64_t generation, const fs::path& file) {
  const auto own = thread_name(generation);
  std::vector<pid_t> found;
  std::error_code error;
  for (fs::directory_iterator task("/proc/self/task", error), end; !error && task != end;
       task.increment(error)) {
    if (is_exiting(task->path())) continue;
    const auto id = static_cast<pid_t>(std::stol(task->path().filename().string()));
    if (threads::is_own(id)) continue;
    const bool named = first_line(task->path() / "comm") == own;
    if (named || runs_code_of(file, task->path())) found.push_back(id);
  }
  return found;
}

}  // namespace dojo::plugins
