#include "base/threads.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace dojo::threads {
namespace {

/// Ids of the threads that are the host's. Never destroyed: threads may end after main().
struct Own {
  std::mutex mutex;
  std::set<pid_t> ids;
};
Own& own() {
  static auto& all = *new Own;
  return all;
}

/// Of one thread, for as long as it lives.
class Claim {
 public:
  Claim() {
    const std::lock_guard lock(own().mutex);
    own().ids.insert(id_);
  }
  ~Claim() {
    const std::lock_guard lock(own().mutex);
    own().ids.erase(id_);
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  const pid_t id_ = gettid();
};

std::atomic<int> starts_left{-1};

bool may_start() {
  auto left = starts_left.load();
  while (left > 0 && !starts_left.compare_exchange_weak(left, left - 1)) {
  }
  return left != 0;
}

void say(std::string_view what) {
  (void)!write(STDERR_FILENO, what.data(), what.size());
}

void run(const std::function<void()>& work) noexcept {
  guard([] { claim(); }, [](const char*) {});  // else it is told by its stack
  guard(work, [](std::string_view what) {
    say("dojo: a thread of the host's has ended: ");
    say(what);
    say("\n");
  });
}

}  // namespace

Result<std::thread> start(std::function<void()> work) noexcept {
  try {
    try {
      if (!may_start())
        throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
      return std::thread([work = std::move(work)] { run(work); });
    } catch (const std::system_error& error) {
      return fail(std::string("no thread can be had: ") + error.what());
    }
  } catch (const std::exception&) {
    return fail("std::bad_alloc");  // so short that it needs no memory
  }
}

void claim() {
  thread_local const Claim kClaim;
  (void)kClaim;
}

bool is_own(pid_t id) {
  if (id == getpid()) return true;
  const std::lock_guard lock(own().mutex);
  return own().ids.contains(id);
}

void limit_starts(int left) {
  starts_left = left;
}

}  // namespace dojo::threads
