#include "plugins/run/stragglers.hpp"

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/threads.hpp"
#include "host/support.hpp"

namespace dojo::plugins {
namespace {

constexpr std::uint64_t kGeneration = 7;

char state_of(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  return name_end == std::string::npos ? '?' : line[name_end + 2];
}

/// A process that traces a thread of this one, so that its end is kept until the tracer has gone.
class Tracer {
 public:
  explicit Tracer(pid_t thread) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) return;
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    pid_ = fork();
    if (pid_ == 0) {
      const char traces = ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) == 0 ? 'y' : 'n';
      (void)!write(ends[1], &traces, 1);
      for (;;) pause();
    }
    char traces = 'n';
    (void)!read(ends[0], &traces, 1);
    traces_ = traces == 'y';
    for (const int end : ends) close(end);
  }
  ~Tracer() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  [[nodiscard]] bool traces() const { return traces_; }

 private:
  pid_t pid_ = -1;
  bool traces_ = false;
};

/// A thread that waits, in code of this program, for as long as this lives.
class Waiting {
 public:
  /// @param own whether it is one of the host's
  Waiting(std::string name, bool own) : name_(std::move(name)) {
    const auto wait = [this] {
      prctl(PR_SET_NAME, name_.c_str(), 0, 0, 0);
      id_ = gettid();
      ends_.wait(false);
    };
    thread_ = own ? threads::start(wait).value() : std::thread(wait);
    EXPECT_TRUE(test::eventually([&] { return id_ != 0 && state_of(id_) == 'S'; }));
  }
  ~Waiting() {
    ends_ = true;
    ends_.notify_all();
    thread_.join();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  [[nodiscard]] pid_t id() const { return id_; }

 private:
  const std::string name_;
  std::atomic<pid_t> id_ = 0;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

const auto kThisProgram = std::filesystem::read_symlink("/proc/self/exe");

TEST(Stragglers, AreKnownByTheirCodeWhateverTheyCallThemselves) {
  for (const auto* name : {"dojo-log", "dojo-worker", "dojo-g8", "anything"}) {
    const Waiting thread(name, false);
    EXPECT_EQ(stragglers(kGeneration, kThisProgram), std::vector<pid_t>{thread.id()}) << name;
    EXPECT_EQ(stragglers(kGeneration, "/no/such/plugin.so"), std::vector<pid_t>{}) << name;
  }
}

TEST(Stragglers, AreNoThreadsOfTheHostsWhateverTheyAreCalled) {
  const Waiting thread(thread_name(kGeneration), true);
  EXPECT_EQ(stragglers(kGeneration, kThisProgram), std::vector<pid_t>{});
}

// Who has joined a thread may still find it listed for a moment; here the moment lasts.
TEST(Stragglers, AreNotThreadsThatHaveEnded) {
  std::atomic<pid_t> id = 0;
  std::atomic<bool> ends = false;
  std::thread thread([&] {
    name_this_thread(kGeneration);
    id = gettid();
    ends.wait(false);
  });
  ASSERT_TRUE(test::eventually([&] { return id != 0; }));
  EXPECT_EQ(stragglers(kGeneration, "/no/such/plugin.so"), std::vector<pid_t>{id});
  const Tracer tracer(id);
  ends = true;
  ends.notify_all();
  thread.join();
  if (!tracer.traces()) GTEST_SKIP() << "this process may not be traced";
  ASSERT_TRUE(test::eventually([&] { return state_of(id) == 'Z'; }));
  EXPECT_EQ(stragglers(kGeneration, "/no/such/plugin.so"), std::vector<pid_t>{});
}

}  // namespace
}  // namespace dojo::plugins
