#include "plugins/run/child.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace dojo::plugins {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Child shell(const std::string& script, std::vector<std::pair<int, int>> descriptors = {}) {
  auto child = Child::spawn({"/bin/sh", {"-c", script}, std::move(descriptors)});
  EXPECT_TRUE(child) << child.error().message;
  return child ? std::move(*child) : Child();
}

/// What a program writes to its standard output.
std::string output_of(const std::filesystem::path& program, std::vector<std::string> arguments) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const base::Descriptor ours(ends[0]);
  base::Descriptor theirs(ends[1]);
  auto child = Child::spawn({program, std::move(arguments), {{theirs.get(), STDOUT_FILENO}}});
  EXPECT_TRUE(child) << child.error().message;
  theirs.reset();
  std::string text;
  std::array<char, 1024> buffer{};
  for (ssize_t got = 0; (got = read(ours.get(), buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

TEST(Child, SaysHowItEnded) {
  auto left = shell("exit 3");
  EXPECT_TRUE(left.wait(10s));
  EXPECT_EQ(left.how_it_ended(), "exit code 3");
  auto killed = shell("kill -SEGV $$");
  EXPECT_TRUE(killed.wait(10s));
  EXPECT_EQ(killed.how_it_ended(), "killed by signal 11 (Segmentation fault)");
}

TEST(Child, SaysWhyItCannotBeStarted) {
  const auto child = Child::spawn({"/no/such/program", {}, {}});
  ASSERT_FALSE(child);
  EXPECT_THAT(child.error().message,
              HasSubstr("/no/such/program cannot be started: No such file or directory"));
}

TEST(Child, WaitsNoLongerThanItIsLet) {
  auto child = shell("sleep 100");
  EXPECT_FALSE(child.wait(20ms));
  EXPECT_EQ(child.how_it_ended(), "it is running");
  child.kill();
  EXPECT_TRUE(child.wait(10s));
  EXPECT_EQ(child.how_it_ended(), "killed by signal 9 (Killed)");
}

TEST(Child, DoesNotOutliveItsOwner) {
  pid_t pid = -1;
  {
    const auto child = shell("sleep 100");
    pid = child.pid();
    ASSERT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(Child, LeavesNothingOfItsGroupBehind) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const base::Descriptor ours(ends[0]);
  base::Descriptor theirs(ends[1]);
  auto child = shell("sleep 100 & exit 0", {{theirs.get(), 3}});
  theirs.reset();
  ASSERT_TRUE(child.wait(10s));
  char none = 0;
  EXPECT_EQ(read(ours.get(), &none, 1), 0);  // would wait for the sleeper, which has it open
}

TEST(Child, InheritsWhatIsNamedAndNothingElse) {
  const base::Descriptor leaky(open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  const base::Descriptor far(fcntl(leaky.get(), F_DUPFD, 200));
  // Asked once more, since the shell has the folder open while it lists it.
  const auto open_in_it = output_of(
      "/bin/sh", {"-c", "for fd in /proc/$$/fd/*; do [ -e $fd ] && printf '%s ' ${fd##*/}; done"});
  EXPECT_EQ(open_in_it, "0 1 2 ");
}

TEST(Child, MovesDescriptorsThatStandInEachOthersWay) {
  std::array<int, 2> first{};
  std::array<int, 2> second{};
  ASSERT_EQ(pipe2(first.data(), O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(second.data(), O_CLOEXEC), 0);
  const std::array owned{base::Descriptor(first[0]), base::Descriptor(first[1]),
                         base::Descriptor(second[0]), base::Descriptor(second[1])};
  // Each goes where the other one is, or where a copy of it would be.
  const int free = fcntl(first[1], F_DUPFD, 3);
  ASSERT_EQ(close(free), 0);
  auto child = shell(
      "printf one >&" + std::to_string(second[1]) + "; printf two >&" + std::to_string(first[1]) +
          "; printf three >&" + std::to_string(free) + "; printf four >&" +
          std::to_string(free + 1),
      {{first[1], free + 1}, {second[1], free}, {first[1], second[1]}, {second[1], first[1]}});
  ASSERT_TRUE(child.wait(10s));
  std::array<char, 8> text{};
  ASSERT_EQ(read(first[0], text.data(), text.size()), 7);
  EXPECT_EQ(std::string(text.data(), 7), "onefour");
  ASSERT_EQ(read(second[0], text.data(), text.size()), 8);
  EXPECT_EQ(std::string(text.data(), 8), "twothree");
}

TEST(Child, HasNoSignalBlockedOrIgnored) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  const auto handler = std::signal(SIGUSR1, SIG_IGN);
  const auto status = output_of("/bin/grep", {"-E", "^Sig(Blk|Ign)", "/proc/self/status"});
  unsigned long long blocked = 1;
  unsigned long long ignored = 1;
  const int read =
      std::sscanf(status.c_str(), "SigBlk: %llx SigIgn: %llx", &blocked, &ignored);  // NOLINT
  std::signal(SIGUSR1, handler);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_EQ(read, 2) << status;
  EXPECT_EQ(blocked, 0U);
  EXPECT_EQ(ignored & 0x7fffffffU, 0U);  // above are two that glibc has for itself
}

TEST(Child, MovesWithItsProcess) {
  auto first = shell("exit 4");
  Child second = std::move(first);
  first = shell("exit 5");
  EXPECT_TRUE(second.wait(10s));
  EXPECT_TRUE(first.wait(10s));
  EXPECT_EQ(second.how_it_ended(), "exit code 4");
  EXPECT_EQ(first.how_it_ended(), "exit code 5");
}

}  // namespace
}  // namespace dojo::plugins
