#include "base/log_writer.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/scratch_folder.hpp"
#include "host/support.hpp"

namespace dojo::host {
namespace {

using namespace std::chrono_literals;

std::string gap(std::uint64_t lost) {
  return "gap " + std::to_string(lost) + "\n";
}

/// Two ends, of which the second is written to; its room is as small as the kernel has it.
struct Ends {
  base::Descriptor ours;
  base::Descriptor theirs;

  static Ends pipe() {
    std::array<int, 2> made{};
    EXPECT_EQ(pipe2(made.data(), O_CLOEXEC), 0);
    EXPECT_GT(fcntl(made[1], F_SETPIPE_SZ, 4096), 0);
    return {base::Descriptor(made[0]), base::Descriptor(made[1])};
  }
  static Ends sockets() {
    std::array<int, 2> made{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, made.data()), 0);
    return {base::Descriptor(made[0]), base::Descriptor(made[1])};
  }
  /// What has arrived by now.
  [[nodiscard]] std::string read_now() const {
    std::string text;
    std::array<char, 4096> buffer{};
    pollfd watched{ours.get(), POLLIN, 0};
    while (poll(&watched, 1, 0) > 0) {
      const auto got = read(ours.get(), buffer.data(), buffer.size());
      if (got <= 0) break;
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
  }
  /// All that there is to come.
  [[nodiscard]] std::string read_all(base::LogWriter& writer) const {
    std::string text;
    EXPECT_TRUE(test::eventually([&] {
      text += read_now();
      return writer.flush(0ms);
    }));
    return text + read_now();
  }
};

class FullLogWriter : public testing::TestWithParam<Ends (*)()> {};

TEST_P(FullLogWriter, NeverWaitsAndSaysWhereLinesAreMissing) {
  const auto ends = GetParam()();
  base::LogWriter writer(ends.theirs.get(), gap, 8'192);
  constexpr std::uint64_t kLines = 20'000;
  for (std::uint64_t i = 0; i < kLines; ++i) {
    writer.write("line " + std::to_string(i) + std::string(100, '.') + "\n");
  }
  auto text = ends.read_all(writer);
  writer.write("last\n");
  text += ends.read_all(writer);

  // In order, and a gap says exactly how many lines are missing where it stands.
  std::istringstream in(text);
  std::uint64_t next = 0;
  std::uint64_t lost = 0;
  std::string line;
  while (std::getline(in, line) && line != "last") {
    if (line.starts_with("gap ")) {
      const auto missing = std::stoull(line.substr(4));
      next += missing;
      lost += missing;
      continue;
    }
    ASSERT_EQ(line, "line " + std::to_string(next) + std::string(100, '.'));
    ++next;
  }
  EXPECT_EQ(line, "last");
  EXPECT_EQ(next, kLines);
  EXPECT_GT(lost, 0U);
  EXPECT_FALSE(std::getline(in, line));
}

TEST_P(FullLogWriter, GoesThoughNobodyReads) {
  const auto ends = GetParam()();
  base::LogWriter writer(ends.theirs.get(), gap);
  for (int i = 0; i < 20'000; ++i) writer.write(std::string(100, '.') + "\n");
  EXPECT_FALSE(writer.flush(0ms));
}

INSTANTIATE_TEST_SUITE_P(Ways, FullLogWriter, testing::Values(&Ends::pipe, &Ends::sockets));

TEST(LogWriter, WritesAtOnceWhatCanBe) {
  const auto ends = Ends::pipe();
  base::LogWriter writer(ends.theirs.get(), gap);
  writer.write("one\n");
  EXPECT_EQ(ends.read_now(), "one\n") << "a crash would not take it";
}

TEST(LogWriter, LeavesTheDescriptorAsOthersHaveIt) {
  const auto ends = Ends::pipe();
  base::LogWriter writer(ends.theirs.get(), gap);
  writer.write("one\n");
  EXPECT_EQ(fcntl(ends.theirs.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(LogWriter, GoesOnInAFileWhereOthersHaveWritten) {
  const test::ScratchFolder scratch;
  const auto path = scratch / "log";
  const base::Descriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  ASSERT_EQ(write(file.get(), "before\n", 7), 7);
  {
    base::LogWriter writer(file.get(), gap);
    for (int i = 0; i < 100; ++i) writer.write(std::to_string(i) + "\n");
    ASSERT_TRUE(writer.flush(20s));
    ASSERT_EQ(write(file.get(), "after\n", 6), 6);
  }
  const auto text = test::read_file(path);
  EXPECT_TRUE(text.starts_with("before\n0\n1\n")) << text;
  EXPECT_TRUE(text.ends_with("\n98\n99\nafter\n")) << text;
}

TEST(LogWriter, ForgetsNoneOfTheLinesThatTheDescriptorRefused) {
  const base::Descriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  std::atomic<std::uint64_t> told = 0;
  base::LogWriter writer(full.get(), [&](std::uint64_t lost) {
    told = lost;
    return gap(lost);
  });
  for (int i = 0; i < 10; ++i) {
    writer.write("line\n");
    ASSERT_TRUE(writer.flush(20s));
  }
  EXPECT_EQ(told, 9U) << "when the tenth came";
}

TEST(LogWriter, OutlivesItsReader) {
  std::signal(SIGPIPE, SIG_IGN);
  auto ends = Ends::pipe();
  base::LogWriter writer(ends.theirs.get(), gap);
  ends.ours.reset();
  for (int i = 0; i < 10; ++i) writer.write("line\n");
  EXPECT_TRUE(writer.flush(20s));
}

TEST(WriteWithin, GivesUpWhereNobodyReads) {
  const auto ends = Ends::pipe();
  EXPECT_TRUE(base::write_within(ends.theirs.get(), "a line\n", 0ms));
  EXPECT_EQ(ends.read_now(), "a line\n");
  EXPECT_FALSE(base::write_within(ends.theirs.get(), std::string(10'000, 'x'), 1ms));
}

}  // namespace
}  // namespace dojo::host
