// The control socket, and `dojo-host ctl` that asks it.
#include "control/control.hpp"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/ctl.hpp"

namespace dojo::control {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ControlTest : public ::testing::Test {
 protected:
  ControlTest() {
    std::string name = (fs::temp_directory_path() / "dojo-control-XXXXXX").string();
    root_ = mkdtemp(name.data());
    state_ = root_ / "state";
  }
  ~ControlTest() override {
    control_.reset();
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  /// @return why it does not open, or nothing
  std::string open(Commands commands = {}, ControlLimits limits = {}) {
    auto opened = Control::open(state_, std::move(commands), limits);
    if (!opened) return opened.error().message;
    control_ = std::move(*opened);
    return {};
  }
  /// A command that answers with this JSON.
  static Command says(std::string json) {
    return [json](const std::vector<std::string>&) -> Result<std::string> { return json; };
  }

  [[nodiscard]] base::Descriptor connected() const {
    base::Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const base::Descriptor folder(::open(state_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return connect_by(made, "/proc/self/fd/" + std::to_string(folder.get()) + "/control")
               ? std::move(made)
               : base::Descriptor();
  }
  static bool connect_by(const base::Descriptor& made, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(&address.sun_path[0], sizeof address.sun_path - 1);
    return connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  static std::string rest_of(const base::Descriptor& connection) {
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto got = read(connection.get(), buffer.data(), buffer.size());
      if (got <= 0) return text;
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  [[nodiscard]] std::string asked(const std::string& line) const {
    const auto connection = connected();
    EXPECT_TRUE(connection);
    EXPECT_EQ(send(connection.get(), line.data(), line.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(line.size()));
    return rest_of(connection);
  }

  struct Ran {
    int exit_code;
    std::string out;
    std::string err;
  };
  [[nodiscard]] Ran ctl(std::vector<std::string> words) const {
    words.insert(words.begin(), {"ctl", "--state", state_.string()});
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = control::ctl(static_cast<int>(argv.size()), argv.data());
    return {code, ::testing::internal::GetCapturedStdout(),
            ::testing::internal::GetCapturedStderr()};
  }

  fs::path root_;
  fs::path state_;
  std::unique_ptr<Control> control_;
};

// ---- the socket

TEST_F(ControlTest, AnswersACommandInOneLine) {
  ASSERT_EQ(open({{"sum",
                   [](const std::vector<std::string>& arguments) -> Result<std::string> {
                     return "[\n" + arguments.at(0) + ",\r\n" + arguments.at(1) + "]";
                   }}}),
            "");
  EXPECT_EQ(asked("{\"command\":\"sum\",\"arguments\":[\"1\",\"2\"]}\n"),
            "{\"result\":[ 1,  2],\"error\":null}\n");
}

TEST_F(ControlTest, IsItsUsersAloneFromTheBeginning) {
  const auto before = umask(0);
  EXPECT_EQ(open(), "");
  umask(before);
  struct stat found{};
  ASSERT_EQ(stat((state_ / "control").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777u, 0600u);
  ASSERT_EQ(stat(state_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777u, 0700u);
}

TEST_F(ControlTest, RefusesAFolderThatOthersCanEnter) {
  fs::create_directory(state_);
  fs::permissions(state_, fs::perms::owner_all | fs::perms::group_exec);
  EXPECT_THAT(open(), HasSubstr("chmod 700"));
}

TEST_F(ControlTest, TakesAFolderWithALongPath) {
  state_ = root_ / std::string(120, 'x');
  ASSERT_EQ(open({{"yes", says("true")}}), "");
  EXPECT_THAT(asked("{\"command\":\"yes\"}\n"), HasSubstr("\"result\":true"));
  EXPECT_EQ(ctl({"drain"}).exit_code, kRefused);
}

TEST_F(ControlTest, RefusesASecondHost) {
  ASSERT_EQ(open({{"yes", says("1")}}), "");
  const auto second = Control::open(state_, {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another host runs with the state folder"));
  EXPECT_THAT(asked("{\"command\":\"yes\"}\n"), HasSubstr("\"result\":1"));
}

TEST_F(ControlTest, TakesTheSocketOfADeadHost) {
  fs::create_directory(state_);
  fs::permissions(state_, fs::perms::owner_all);
  {
    const base::Descriptor dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (state_ / "control").native().copy(&address.sun_path[0], sizeof address.sun_path - 1);
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_EQ(open({{"yes", says("1")}}), "");
  EXPECT_THAT(asked("{\"command\":\"yes\"}\n"), HasSubstr("\"result\":1"));
}

TEST_F(ControlTest, RemovesItsSocketAndMakesRoomForTheNext) {
  ASSERT_EQ(open(), "");
  control_.reset();
  EXPECT_FALSE(fs::exists(state_ / "control"));
  EXPECT_EQ(open(), "");
}

TEST_F(ControlTest, RefusesAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  ASSERT_EQ(open({{"yes", says("1")}}), "");
  // Even where somebody has opened the way to the socket.
  fs::permissions(root_, fs::perms::all);
  fs::permissions(state_, fs::perms::all);
  fs::permissions(state_ / "control", fs::perms::all);
  const auto path = (state_ / "control").string();
  int answer[2];
  ASSERT_EQ(pipe(answer), 0);
  const auto child = fork();
  if (child == 0) {
    if (setuid(65534) != 0) _exit(2);
    const base::Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!connect_by(made, path)) _exit(3);
    constexpr std::string_view kLine = "{\"command\":\"yes\"}\n";
    (void)send(made.get(), kLine.data(), kLine.size(), MSG_NOSIGNAL);
    std::array<char, 256> buffer{};
    const auto got = read(made.get(), buffer.data(), buffer.size());
    (void)!write(answer[1], buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    _exit(0);
  }
  close(answer[1]);
  EXPECT_THAT(rest_of(base::Descriptor(answer[0])), HasSubstr("only the host's own user"));
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

// ---- requests

TEST_F(ControlTest, RefusesWhatIsNoRequest) {
  ASSERT_EQ(open({}, {.longest_request = 1000}), "");
  EXPECT_THAT(asked("reload\n"), HasSubstr("no request: not valid JSON"));
  EXPECT_THAT(asked("{}\n"), HasSubstr("command: required"));
  EXPECT_THAT(asked("{\"command\":\"none\"}\n"), HasSubstr("there is no command \\\"none\\\""));
  EXPECT_THAT(asked(std::string(5000, ' ')), HasSubstr("1000 bytes at most"));
}

TEST_F(ControlTest, TellsWhyACommandFailed) {
  ASSERT_EQ(open({{"fails", [](const auto&) -> Result<std::string> { return fail("no \"x\""); }},
                  {"throws", [](const auto&) -> Result<std::string> { throw 1; }},
                  {"what", [](const auto& given) -> Result<std::string> { return given.at(0); }},
                  {"broken", says("{\"a\":")}}),
            "");
  EXPECT_EQ(asked("{\"command\":\"fails\"}\n"), "{\"result\":null,\"error\":\"no \\\"x\\\"\"}\n");
  EXPECT_THAT(asked("{\"command\":\"throws\"}\n"), HasSubstr("did not say why"));
  EXPECT_THAT(asked("{\"command\":\"what\"}\n"), HasSubstr("what failed: "));
  EXPECT_THAT(asked("{\"command\":\"broken\"}\n"), HasSubstr("cannot be written as JSON"));
}

TEST_F(ControlTest, GivesUpOnACallerWhoSaysNothing) {
  ASSERT_EQ(open({}, {.read = 20ms}), "");
  EXPECT_THAT(rest_of(connected()), HasSubstr("no request came in time"));
}

TEST_F(ControlTest, GivesUpOnACallerWhoDoesNotRead) {
  ASSERT_EQ(open({{"much", says('"' + std::string(8 << 20, 'x') + '"')}, {"yes", says("1")}},
                 {.write = 20ms, .threads = 1}),
            "");
  const auto idle = connected();
  constexpr std::string_view kLine = "{\"command\":\"much\"}\n";
  ASSERT_GT(send(idle.get(), kLine.data(), kLine.size(), MSG_NOSIGNAL), 0);
  EXPECT_THAT(asked("{\"command\":\"yes\"}\n"), HasSubstr("\"result\":1"));
}

TEST_F(ControlTest, EndsThoughACallerSaysNothing) {
  ASSERT_EQ(open({}, {.read = 1h}), "");  // longer than any test may take
  const auto silent = connected();
  control_.reset();
}

TEST_F(ControlTest, AnswersOthersWhileACommandRuns) {
  std::promise<void> go;
  const auto gone = go.get_future().share();
  ASSERT_EQ(open({{"slow",
                   [gone](const auto&) -> Result<std::string> {
                     gone.wait();
                     return std::string("\"slow\"");
                   }},
                  {"yes", says("1")}}),
            "");
  auto slow = std::async(std::launch::async, [this] { return asked("{\"command\":\"slow\"}\n"); });
  EXPECT_THAT(asked("{\"command\":\"yes\"}\n"), HasSubstr("\"result\":1"));
  go.set_value();
  EXPECT_THAT(slow.get(), HasSubstr("slow"));
}

// ---- dojo-host ctl

constexpr const char* kRows = R"([
  {"name":"score","version":"1.0.0","sha256":"0123456789abcdef","state":"active","generation":3,
   "in_flight":2,"answered":1500,"failed":0,"isolation":"thread","pid":77,"file":"score.so",
   "since":"2024-01-02T03:04:05Z","reason":null},
  {"name":"echo","sha256":"ff","state":"quarantined","file":"echo.so","reason":"it \u001b[2Jdied"}])";

TEST_F(ControlTest, ShowsPluginsAsATable) {
  ASSERT_EQ(open({{"plugins", says(kRows)}}), "");
  const auto ran = ctl({"plugins"});
  EXPECT_EQ(ran.exit_code, kDone);
  EXPECT_EQ(
      ran.out,
      "NAME   VERSION  SHA256        STATE        GEN  IN FLIGHT  ANSWERED  FAILED  ISOLATION "
      " PID  SINCE                 FILE      REASON\n"
      "score  1.0.0    0123456789ab  active       3    2          1500      0       thread    "
      " 77   2024-01-02T03:04:05Z  score.so  -\n"
      "echo   -        ff            quarantined  -    -          -         -       -         "
      " -    -                     echo.so   it \\x1b[2Jdied\n");
}

TEST_F(ControlTest, ShowsJsonAsItIs) {
  ASSERT_EQ(open({{"plugins", says(R"([{"name":"score"}])")}}), "");
  EXPECT_EQ(ctl({"--json", "plugins"}).out, "[{\"name\":\"score\"}]\n");
  EXPECT_EQ(ctl({"plugins", "--json"}).out, "[{\"name\":\"score\"}]\n");
}

TEST_F(ControlTest, ShowsAnyAnswer) {
  ASSERT_EQ(open({{"plugins", says("[]")},
                  {"metrics", says(R"("a 1\nb 2\n")")},
                  {"drain", says("null")},
                  {"reload",
                   [](const auto& given) -> Result<std::string> {
                     return R"({"plugin":")" + given.at(0) + R"(","generation":4})";
                   }}}),
            "");
  EXPECT_EQ(ctl({"plugins"}).out, "no plugins\n");
  EXPECT_EQ(ctl({"metrics"}).out, "a 1\nb 2\n");
  EXPECT_EQ(ctl({"drain"}).out, "done\n");
  EXPECT_EQ(ctl({"reload", "score"}).out, "generation: 4\nplugin: score\n");
}

TEST_F(ControlTest, TellsByItsExitCode) {
  EXPECT_EQ(ctl({"plugins"}).exit_code, kNoHost) << "no folder";
  ASSERT_EQ(open({{"reload", [](const auto&) -> Result<std::string> { return fail("bad\tfile"); }},
                  {"plugins", says("7")}}),
            "");
  const auto refused = ctl({"reload", "score"});
  EXPECT_EQ(refused.exit_code, kRefused);
  EXPECT_EQ(refused.err, "dojo-host ctl: bad\\x09file\n");
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(ctl({"plugins"}).exit_code, kRefused) << "no list";
  EXPECT_EQ(ctl({"reload"}).exit_code, kCtlUsage);
  EXPECT_EQ(ctl({"plugins", "more"}).exit_code, kCtlUsage);
  EXPECT_EQ(ctl({}).exit_code, kCtlUsage);
  EXPECT_EQ(ctl({"--help"}).exit_code, kDone);
  control_.reset();
  EXPECT_EQ(ctl({"plugins"}).exit_code, kNoHost) << "no socket";
  EXPECT_THAT(ctl({"plugins"}).err, HasSubstr("no host runs with the state folder"));
}

}  // namespace
}  // namespace dojo::control
