// What becomes of a host that gets no memory or no threads. Allocations of this program fail when
// it is told so, which is why it is one of its own.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "base/descriptor.hpp"
#include "base/log.hpp"
#include "base/log_writer.hpp"
#include "base/threads.hpp"
#include "host/dispatch_host.hpp"

namespace {

std::atomic<int> allocations_left{0};  // until one fails; 0: none does
thread_local bool exempt = false;

bool fails_now() {
  return !exempt && allocations_left.load() > 0 && allocations_left.fetch_sub(1) == 1;
}

}  // namespace

void* operator new(std::size_t size) {
  auto* const made = fails_now() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (made == nullptr) throw std::bad_alloc();
  return made;
}
void operator delete(void* gone) noexcept {
  std::free(gone);
}
void operator delete(void* gone, std::size_t /*size*/) noexcept {
  std::free(gone);
}

namespace dojo::request {
namespace {

using test::eventually;
using test::Inbox;
using namespace std::chrono_literals;

/// So many threads and no more, for as long as it lives.
class ThreadLimit {
 public:
  explicit ThreadLimit(int left) { threads::limit_starts(left); }
  ~ThreadLimit() { threads::limit_starts(-1); }
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;
};

// ---- memory

Task task_of(unsigned char caller, dojo_request_id id) {
  Task task;
  task.id = id;
  task.caller[0] = caller;
  task.sequence = id;
  return task;
}

TEST(Shortage, OfMemoryLeavesAQueueAsItWas) {
  const auto now = std::chrono::steady_clock::now();
  for (int at = 1; at < 40; ++at) {
    FairQueue queue(2);
    std::size_t pushed = 0;
    allocations_left = at;
    for (unsigned char i = 0; i < 30; ++i) {
      try {
        queue.push(task_of(i / 3, i + 1u), now);
        ++pushed;
      } catch (const std::bad_alloc&) {
        continue;
      }
    }
    allocations_left = 0;
    EXPECT_GE(pushed, 29u);
    ASSERT_EQ(queue.size(), pushed) << "at " << at;
    for (; pushed > 0; --pushed) EXPECT_NE(queue.pop(now).id, 0u);
    EXPECT_TRUE(queue.empty());
    queue.push(task_of(1, 99), now);
    EXPECT_EQ(queue.pop(now).id, 99u);
  }
}

class ShortageTest : public test::DispatchHost {
 protected:
  ShortageTest() {
    exempt = true;
    trace = "a request of which the number is not short";
    workers = 2;
    start();
  }

  /// As a reactor's thread does.
  void submit(const ExchangePtr& exchange) {
    std::thread([&] {
      try {
        dispatcher->submit(exchange);
      } catch (const std::bad_alloc&) {
        const auto answers = exchange->take_responder();
      }
    }).join();
  }
  int status_of(const std::string& route) {
    Inbox inbox(*this);
    submit(call(route, inbox));
    return inbox.answer().status;
  }
};

TEST_F(ShortageTest, OfMemoryCostsARequestAndNoMore) {
  for (const std::string route : {"Answers", "Fails", "Refuses", "InvalidBody", "ReturnsError",
                                  "Throws", "BadJson", "Logs"}) {
    const auto usual = status_of(route);
    bool failed = true;
    for (int at = 1; failed; ++at) {
      Inbox inbox(*this);
      auto made = call(route, inbox);
      allocations_left = at;
      submit(made);
      ASSERT_TRUE(eventually([&] { return inbox.answered(); })) << route << at;
      ASSERT_TRUE(eventually([&] { return dispatcher->in_flight() == 0; })) << route << at;
      failed = allocations_left.exchange(0) <= 0;
      ASSERT_LT(at, 500);
    }
    EXPECT_EQ(status_of(route), usual);
  }
}

/// Standard error is a pipe, for as long as it lives.
class PipedErrors {
 public:
  PipedErrors() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    ours_ = base::Descriptor(ends[0]);
    before_ = base::Descriptor(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
    EXPECT_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
  }
  ~PipedErrors() { dup2(before_.get(), STDERR_FILENO); }
  PipedErrors(const PipedErrors&) = delete;
  PipedErrors& operator=(const PipedErrors&) = delete;

  [[nodiscard]] std::string read_now() const {
    std::array<char, 65'536> buffer{};
    const auto got = read(ours_.get(), buffer.data(), buffer.size());
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }

 private:
  base::Descriptor ours_;
  base::Descriptor before_;
};

class LogShortage : public testing::TestWithParam<base::LogFormat> {};

TEST_P(LogShortage, OfMemoryCostsALineAndSaysSo) {
  exempt = false;
  const PipedErrors errors;
  const auto log = base::Log::open("info", GetParam());
  ASSERT_TRUE(log);
  const std::string text(1'000, 'x');
  bool failed = true;
  for (int at = 1; failed; ++at) {
    allocations_left = at;
    EXPECT_NO_THROW(log->info("first", {{"text", text}, {"number", 7}}));
    failed = allocations_left.exchange(0) <= 0;
    log->info("second");
    ASSERT_TRUE(log->flush(20s));
    const auto written = errors.read_now();
    const bool whole = written.find("first") != std::string::npos;
    const bool told = written.find("log lines are missing here") != std::string::npos;
    EXPECT_NE(whole, told) << "at " << at << ": " << written;
    EXPECT_TRUE(failed || whole);
    EXPECT_NE(written.find("second"), std::string::npos);
    ASSERT_LT(at, 500);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, LogShortage,
                         testing::Values(base::LogFormat::text, base::LogFormat::json));

TEST(Shortage, OfMemoryIsCountedOfLinesThatWait) {
  exempt = false;
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const base::Descriptor ours(ends[0]);
  const base::Descriptor theirs(ends[1]);
  std::atomic<std::uint64_t> missing = 0;
  base::LogWriter writer(theirs.get(), [&](std::uint64_t lost) {
    missing += lost;
    return std::string("gap\n");
  });
  const std::string line = std::string(1'000, '.') + "\n";
  for (int i = 0; i < 100; ++i) writer.write(line);  // more than a pipe holds
  ASSERT_FALSE(writer.flush(0ms));
  allocations_left = 1;
  EXPECT_NO_THROW(writer.write(line));
  allocations_left = 0;
  std::array<char, 4096> buffer{};
  while (!writer.flush(0ms)) {
    pollfd watched{ours.get(), POLLIN, 0};
    poll(&watched, 1, 10);
    (void)!read(ours.get(), buffer.data(), buffer.size());
  }
  EXPECT_EQ(missing, 1u);
}

// ---- threads

TEST(Shortage, OfThreadsIsSaidOfAnExecutor) {
  Executor::Options options;
  options.workers = 4;
  options.run = [](Executor&, Task&&, unsigned) {};
  for (int left = 0; left < 4; ++left) {
    const ThreadLimit limit(left);
    EXPECT_THROW(Executor{options}, std::runtime_error);
  }
  const ThreadLimit limit(4);
  Executor executor(options);
  EXPECT_TRUE(executor.stop(20s));
}

TEST(Shortage, OfThreadsIsSaidOfAGeneration) {
  test::NoServices services;
  plugins::InProcess generation(test::blueprint(test::plugin("test_rival")), services);
  const ThreadLimit limit(0);
  const auto status = generation.load();
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, testing::HasSubstr("no thread can be had"));
}

TEST(Threads, AreKnownAsLongAsTheyLive) {
  pid_t id = 0;
  {
    auto thread = threads::start([&] { id = gettid(); });
    ASSERT_TRUE(thread);
    thread->join();
  }
  EXPECT_FALSE(threads::is_own(id)) << "it has ended";
  EXPECT_TRUE(threads::is_own(getpid()));
  std::thread([] { EXPECT_FALSE(threads::is_own(gettid())); }).join();
}

TEST(Threads, EndAloneForWhatTheyThrow) {
  auto thread = threads::start([] { throw std::bad_alloc(); });
  ASSERT_TRUE(thread);
  thread->join();
}

}  // namespace
}  // namespace dojo::request
