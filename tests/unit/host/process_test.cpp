// The program itself: what it does with what its parent gives it, and when nobody listens to it.
#include <array>
#include <csignal>
#include <fstream>
#include <set>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "host/host_process.hpp"
#include "where.hpp"

namespace dojo::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr char kHangs[] = "[plugins.perilous]\nword = \"hangs_in_start\"\n";

int run(const std::vector<std::string>& words, const std::function<void()>& prepare = [] {}) {
  int status = 0;
  waitpid(start_program(words, prepare), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool is_there(const fs::path& folder, const std::string& name) {
  std::error_code gone;
  for (auto entry = fs::recursive_directory_iterator(folder, gone);
       !gone && entry != fs::recursive_directory_iterator(); entry.increment(gone)) {
    if (entry->path().filename() == name) return true;
  }
  return false;
}

/// Of /proc/PID/status, a mask of signals.
std::uint64_t mask_of(const HostProcess& host, const std::string& name) {
  std::ifstream file(host.proc() / "status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1), nullptr, 16);
  }
  return 0;
}

std::uint64_t bits(std::initializer_list<int> signals) {
  std::uint64_t mask = 0;
  for (const int signal : signals) mask |= std::uint64_t{1} << (signal - 1);
  return mask;
}

// ---- the log

TEST(TheHost, ServesDeploysAndStopsThoughNobodyReadsItsLog) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const base::Descriptor unread(ends[0]);
  const base::Descriptor theirs(ends[1]);
  ASSERT_GT(fcntl(theirs.get(), F_SETPIPE_SZ, 4096), 0);
  HostProcess host({.plugins = {"test_behaviours", "test_versioned_1"},
                    .config = "[reload]\ndebounce_ms = 20\n",
                    .options = {"--log-level", "debug"},
                    .error = theirs.get()});
  ASSERT_TRUE(host.serves());
  auto client = net::Client::to(host.port());
  for (int i = 0; i < 600; ++i) {
    client.send(host.request("/Answers"));
    const auto reply = client.read_reply();
    ASSERT_TRUE(reply && reply->status == 200) << i;
  }
  int waiting = 0;
  ioctl(unread.get(), FIONREAD, &waiting);
  EXPECT_GT(waiting, 3'000) << "the pipe is full";
  host.put("test_versioned_2", "test_versioned_1");
  EXPECT_TRUE(eventually([&] {
    const auto reply = host.ask("/Which");
    return reply && reply->body.find("\"version\":2") != std::string::npos;
  }));
  EXPECT_EQ(host.stop(), 0);
}

TEST(TheHost, StartsThoughNobodyReadsItsOutput) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const base::Descriptor unread(ends[0]);
  const base::Descriptor theirs(ends[1]);
  fcntl(theirs.get(), F_SETPIPE_SZ, 4096);
  ASSERT_EQ(write(theirs.get(), std::string(4096, 'x').data(), 4096), 4096);
  HostProcess host({.prepare = [&] { dup2(theirs.get(), STDOUT_FILENO); }});
  host.start();
  EXPECT_TRUE(
      eventually([&] { return host.log().find("does not take the line") != std::string::npos; }));
  EXPECT_EQ(host.stop(), 0);
}

// ---- what its parent leaves it

TEST(TheHost, KeepsItsFilesFromClosedStandardDescriptors) {
  HostProcess host({.prepare = [] {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
  }});
  host.start();
  ASSERT_TRUE(eventually([&] { return is_there(host.state(), "control"); }));
  for (const char* fd : {"0", "1", "2"}) {
    EXPECT_EQ(fs::read_symlink(host.proc() / "fd" / fd), "/dev/null");
  }
  EXPECT_EQ(host.stop(), 0);
  EXPECT_EQ(read_file(host.state() / "access" / "replay" / "lock"), "");
  EXPECT_EQ(read_file(host.state() / "control.lock"), "");
}

TEST(TheCommand, KeepsItsFilesFromClosedStandardDescriptors) {
  const ScratchFolder scratch;
  const auto file = scratch / "key";
  EXPECT_EQ(run({test::where::kCommand, "keygen", file.string()},
                [] {
                  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
                }),
            0);
  EXPECT_TRUE(wire::load_wallet(file)) << read_file(file);
}

TEST(TheHost, KnowsHowItsChildrenEndThoughItsParentIgnoredIt) {
  HostProcess host({.plugins = {"test_behaviours", "test_versioned_1"},
                    .config = "[run.versioned]\nisolation = \"process\"\n",
                    .prepare = [] { std::signal(SIGCHLD, SIG_IGN); }});
  fs::copy_file(fs::path(test::where::kZoo) / "aborts_in_constructor.so",
                host.folder() / "plugins" / "aborts.so");
  ASSERT_TRUE(host.serves()) << host.log();
  EXPECT_EQ(mask_of(host, "SigIgn") & bits({SIGCHLD}), 0U);
  EXPECT_THAT(host.log(), HasSubstr("killed by signal 6"));
  EXPECT_EQ(host.ask("/Which")->status, 200);
  EXPECT_EQ(host.stop(), 0);
}

TEST(TheHost, HearsSignalsThatItsParentHadBlocked) {
  HostProcess host({.prepare = [] {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
  }});
  ASSERT_TRUE(host.serves()) << host.log();
  EXPECT_EQ(mask_of(host, "SigBlk"), bits({SIGTERM, SIGINT, SIGHUP}));
  EXPECT_EQ(host.stop(), 0);
}

TEST(TheHost, TakesALimitOnFilesForAnError) {
  HostProcess host({.prepare = [] {
    constexpr rlim_t kMost = 1 << 20;
    const rlimit limit{kMost, kMost};
    setrlimit(RLIMIT_FSIZE, &limit);
  }});
  host.start();
  // Without the room it cannot keep what it has seen, and says so; it is not killed.
  EXPECT_EQ(host.wait(), 1) << host.log();
  EXPECT_THAT(host.log(), HasSubstr("File too large"));
}

TEST(TheHost, MakesNothingThatOthersMayWrite) {
  HostProcess host({.prepare = [] { umask(0); }});
  host.state_name = "above/state";
  ASSERT_TRUE(host.serves()) << host.log();
  for (const auto& entry : fs::recursive_directory_iterator(host.folder() / "above")) {
    if (entry.is_symlink()) continue;
    EXPECT_EQ(entry.status().permissions() & (fs::perms::group_write | fs::perms::others_write),
              fs::perms::none)
        << entry.path();
  }
  EXPECT_EQ(fs::status(host.folder() / "above").permissions() &
                (fs::perms::group_write | fs::perms::others_write),
            fs::perms::none);
  EXPECT_EQ(host.stop(), 0);
}

TEST(TheHost, CanReadWhatItMakes) {
  HostProcess host({.prepare = [] { umask(0777); }});
  host.state_name = "above/state";
  ASSERT_TRUE(host.serves()) << host.log();
  EXPECT_EQ(fs::status(host.folder() / "above").permissions() & fs::perms::owner_all,
            fs::perms::owner_all);
  EXPECT_EQ(host.stop(), 0);
  ASSERT_TRUE(host.serves()) << "again: " << host.log();
  EXPECT_EQ(host.stop(), 0);
}

TEST(TheHost, WritesNoIdentityWhereOthersCanGetAtIt) {
  HostProcess host({});
  fs::create_directory(host.state());
  fs::permissions(host.state(), fs::perms(0755));
  host.start();
  EXPECT_EQ(host.wait(), 1) << host.log();
  EXPECT_THAT(host.log(), HasSubstr("is open to others (mode 0755): chmod 700 "));
  EXPECT_TRUE(fs::is_empty(host.state()));
}

TEST(TheHost, SaysIfAnotherOneHasItsHotkey) {
  HostProcess first({});
  ASSERT_TRUE(first.serves());
  EXPECT_EQ(first.log().find("has this hotkey"), std::string::npos) << first.log();
  HostProcess second({});
  std::filesystem::create_directory(second.state());
  std::filesystem::permissions(second.state(), std::filesystem::perms::owner_all);
  std::filesystem::copy_file(first.state() / "identity.json", second.state() / "identity.json");
  ASSERT_TRUE(second.serves()) << second.log();
  EXPECT_NE(second.log().find("another host on this machine has this hotkey"), std::string::npos)
      << second.log();
  EXPECT_EQ(first.stop(), 0);
  EXPECT_EQ(second.stop(), 0);
}

TEST(TheHost, TakesALinkForItsStateFolder) {
  HostProcess host({});
  fs::create_directory(host.folder() / "real");
  fs::permissions(host.folder() / "real", fs::perms::owner_all);
  fs::create_directory_symlink("real", host.state());
  ASSERT_TRUE(host.serves()) << host.log();
  EXPECT_TRUE(fs::exists(host.folder() / "real" / "identity.json"));
  EXPECT_EQ(host.stop(), 0);
  if (geteuid() != 0) return;
  constexpr uid_t kSomebody = 12'345;
  ASSERT_EQ(lchown(host.state().c_str(), kSomebody, kSomebody), 0);
  host.start();
  EXPECT_EQ(host.wait(), 1) << "a link of somebody else's leads anywhere: " << host.log();
}

TEST(TheHost, LeavesItsDescriptorsToNobody) {
  const base::Descriptor stray(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  constexpr int kStray = 77;
  // What is in a sandbox nobody looks into; attacks.cage does from inside.
  HostProcess host({.plugins = {"test_behaviours", "test_versioned_1"},
                    .config = "[run.versioned]\nisolation = \"process\"\nworkers = 2\n"
                              "sandbox = false\n",
                    .prepare = [&] { dup2(stray.get(), kStray); }});
  ASSERT_TRUE(host.serves()) << host.log();
  ASSERT_EQ(host.ask("/Answers")->status, 200);
  ASSERT_EQ(host.ask("/Which")->status, 200);
  for (const auto& entry : fs::directory_iterator(host.proc() / "fd")) {
    const auto fd = entry.path().filename().string();
    if (std::stoi(fd) <= STDERR_FILENO) continue;
    std::ifstream info(host.proc() / "fdinfo" / fd);
    if (!info) continue;  // it was open for a moment
    int flags = 0;
    for (std::string word; word != "flags:" && info >> word;) {
    }
    info >> std::oct >> flags;
    EXPECT_NE(flags & O_CLOEXEC, 0) << fd;
  }
  std::vector<std::string> children;
  for (const auto& task : fs::directory_iterator(host.proc() / "task")) {
    std::ifstream file(task.path() / "children");
    for (std::string pid; file >> pid;) children.push_back(pid);
  }
  ASSERT_EQ(children.size(), 1U);
  int sockets = 0;
  for (const auto& entry : fs::directory_iterator("/proc/" + children.front() + "/fd")) {
    if (std::stoi(entry.path().filename().string()) <= STDERR_FILENO) continue;
    EXPECT_THAT(fs::read_symlink(entry.path()).string(), testing::StartsWith("socket:"));
    ++sockets;
  }
  EXPECT_EQ(sockets, 1 + 2) << "control, and a lane for each worker";
  EXPECT_EQ(host.stop(), 0);
}

// ---- signals while plugins load

TEST(TheHost, EndsInOrderWhileAPluginLoads) {
  HostProcess host(
      {.plugins = {"test_perilous"}, .config = std::string(kHangs) + "[reload]\nstop_ms = 50\n"});
  host.start();
  ASSERT_TRUE(eventually([&] { return is_there(host.state(), "starting.json"); })) << host.log();
  EXPECT_EQ(host.stop(), 0) << host.log();
  EXPECT_THAT(host.log(), HasSubstr("stopped connections=0"));
  EXPECT_FALSE(is_there(host.state(), "starting.json"));
  host.start();
  EXPECT_TRUE(eventually([&] { return is_there(host.state(), "starting.json"); }))
      << "it is tried again: " << host.log();
  EXPECT_THAT(host.log(), Not(HasSubstr("quarantine")));
}

TEST(TheHost, HoldsNothingAgainstAPluginWhenItIsStoppedTwice) {
  HostProcess host({.plugins = {"test_perilous"}, .config = kHangs});
  host.start();
  ASSERT_TRUE(eventually([&] { return is_there(host.state(), "starting.json"); })) << host.log();
  kill(host.pid(), SIGTERM);
  ASSERT_TRUE(eventually([&] { return host.log().find("draining") != std::string::npos; }));
  EXPECT_EQ(host.stop(), 1) << host.log();
  EXPECT_FALSE(is_there(host.state(), "starting.json"));
}

TEST(TheHost, AnswersItsOwnerWhileAPluginLoads) {
  HostProcess host({.plugins = {"test_perilous"}, .config = kHangs});
  host.start();
  ASSERT_TRUE(eventually([&] { return is_there(host.state(), "starting.json"); })) << host.log();
  EXPECT_EQ(run({test::where::kHost, "ctl", "--config", host.config().string(), "plugins"}), 0);
}

// ---- ctl

TEST(Ctl, FindsItsHostByTheConfig) {
  HostProcess host({.config = "[access]\ndeny = [\"10.0.0.0/8\"]\n"});
  const auto ctl = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {test::where::kHost, "ctl", "--config", host.config().string()});
    return run(words);
  };
  EXPECT_EQ(ctl({"plugins"}), 2) << "there is no such file yet";
  ASSERT_TRUE(host.serves()) << host.log();
  EXPECT_EQ(ctl({"plugins"}), 0);
  const auto caller = wire::Keypair::generate().address();
  EXPECT_EQ(ctl({"test", caller, "192.0.2.1", "Answers"}), 0);
  EXPECT_EQ(ctl({"test", caller, "10.1.2.3", "Answers"}), 1);
  EXPECT_EQ(ctl({"--json", "test", caller, "10.1.2.3", "Answers"}), 1);
  // Half written, as while it is being edited: no matter of ctl's.
  write_file(host.config(), "state_dir = \"state\"\n[access]\ndeni = []\n");
  EXPECT_EQ(ctl({"plugins"}), 0);
  EXPECT_EQ(ctl({"reload-config"}), 1);
  EXPECT_EQ(host.stop(), 0);
  EXPECT_EQ(ctl({"plugins"}), 3);
}

}  // namespace
}  // namespace dojo::test
