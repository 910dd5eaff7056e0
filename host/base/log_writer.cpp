#include "base/log_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <new>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/threads.hpp"

namespace dojo::base {
namespace {

using std::chrono::steady_clock;

// How late it is noticed that nobody waits any more.
constexpr int kPatienceMs = 50;

mode_t kind_of(int fd) {
  struct stat found{};
  return fstat(fd, &found) == 0 ? found.st_mode & S_IFMT : 0;
}

/// O_NONBLOCK belongs to the open description, which others write to as well: so one of our own is
/// opened. Not of a regular file, where it would have an offset of its own and change nothing.
Descriptor opened_again(int fd) {
  const auto kind = kind_of(fd);
  if (kind != S_IFIFO && kind != S_IFCHR) return {};
  return Descriptor(open(fmt::format("/proc/self/fd/{}", fd).c_str(),
                         O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

bool writable(int fd, int patience_ms) {
  pollfd watched{fd, POLLOUT, 0};
  return poll(&watched, 1, patience_ms) > 0;
}

/// A pipe that is writable takes so much without waiting.
std::string_view portion(std::string_view text) {
  return text.substr(0, PIPE_BUF);
}

/// A thread that no signal is delivered to.
std::thread deaf_thread(std::function<void()> run) {
  struct Mask {
    sigset_t before{};
    Mask() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~Mask() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    Mask(const Mask&) = delete;
    Mask& operator=(const Mask&) = delete;
  } const mask;
  auto thread = threads::start(std::move(run));
  if (!thread) throw std::runtime_error(thread.error().message);
  return std::move(*thread);
}

}  // namespace

LogWriter::LogWriter(int fd, Gap gap, std::size_t most)
    : fd_(fd),
      own_(opened_again(fd)),
      way_(own_                      ? Way::nonblocking
           : kind_of(fd) == S_IFSOCK ? Way::socket
                                     : Way::blocking),
      gap_(std::move(gap)),
      most_(most),
      thread_(deaf_thread([this] { run(); })) {}

LogWriter::~LogWriter() {
  (void)flush(kLastWait);
  giving_up_ = true;
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  thread_.join();
}

void LogWriter::write(std::string_view line) noexcept {
  const std::lock_guard lock(mutex_);
  if (leaving_) return;
  // At once, where that cannot block: then a crash takes no line with it.
  if (way_ != Way::blocking && queue_.empty() && !busy_ && failed_ == 0) {
    const auto done = put(line);
    if (done == Put::whole) return;
    if (done == Put::failed) return count_dropped();
  }
  if (!queue(line)) return count_dropped();
  wake_.notify_one();
}

void LogWriter::drop() noexcept {
  const std::lock_guard lock(mutex_);
  count_dropped();
}

/// @return false if there is no room for it
bool LogWriter::queue(std::string_view line) noexcept {
  if (bytes_ + line.size() > most_) return false;
  try {
    queue_.push_back({std::string(line)});
  } catch (const std::bad_alloc&) {
    return false;
  }
  bytes_ += line.size();
  return true;
}

void LogWriter::count_dropped() noexcept {
  ++(queue_.empty() ? failed_ : queue_.back().dropped);
}

bool LogWriter::flush(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, limit, [this] { return queue_.empty() && !busy_; });
}

/// @param text what is left of it afterwards
LogWriter::Put LogWriter::put(std::string_view& text) const {
  while (!text.empty()) {
    const auto part = portion(text);
    const auto taken = way_ == Way::socket
                           ? send(fd(), part.data(), part.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                           : ::write(fd(), part.data(), part.size());
    if (taken > 0) text.remove_prefix(static_cast<std::size_t>(taken));
    if (taken < 0 && errno == EAGAIN) return Put::full;
    if (taken < 0 && errno != EINTR) return Put::failed;
    if (way_ == Way::blocking && !text.empty() && !writable(fd(), 0)) return Put::full;
  }
  return Put::whole;
}

bool LogWriter::put_all(std::string_view text) const {
  while (!giving_up_) {
    if (!writable(fd(), kPatienceMs)) continue;
    const auto done = put(text);
    if (done != Put::full) return done == Put::whole;
  }
  return false;
}

void LogWriter::run() {
  pthread_setname_np(pthread_self(), "dojo-log");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return leaving_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto entry = std::move(queue_.front());
    queue_.pop_front();
    bytes_ -= entry.text.size();
    busy_ = true;
    const auto failed = std::exchange(failed_, 0);
    lock.unlock();
    take_out(entry, failed);
    lock.lock();
    busy_ = false;
    if (queue_.empty()) idle_.notify_all();
  }
}

/// @param failed lines that are missing before it
void LogWriter::take_out(const Entry& entry, std::uint64_t failed) {
  bool written = false;
  try {
    auto text = failed == 0 ? std::string() : gap_(failed);
    text += entry.text;
    if (entry.dropped != 0) text += gap_(entry.dropped);
    written = put_all(text);
  } catch (const std::exception&) {
    written = false;  // there is no memory for it
  }
  if (written) return;
  const std::lock_guard lock(mutex_);
  failed_ += failed + 1 + entry.dropped;
}

bool write_within(int fd, std::string_view text, std::chrono::milliseconds limit) {
  const auto until = steady_clock::now() + limit;
  while (!text.empty()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
    if (!writable(fd, static_cast<int>(std::max<std::int64_t>(left, 0)))) return false;
    const auto part = portion(text);
    const auto taken = ::write(fd, part.data(), part.size());
    if (taken < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (taken > 0) text.remove_prefix(static_cast<std::size_t>(taken));
  }
  return true;
}

}  // namespace dojo::base
