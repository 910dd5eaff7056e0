// dojo-host in a process of its own.
#pragma once

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dojo/wire/keypair.hpp>
#include <dojo/wire/wallet.hpp>

#include "host/scratch_folder.hpp"
#include "host/signed_head.hpp"
#include "host/support.hpp"
#include "net/client.hpp"
#include "where.hpp"

namespace dojo::test {

/// A program with arguments, started by what `prepare` has made of its process.
inline pid_t start_program(const std::vector<std::string>& words,
                           const std::function<void()>& prepare) {
  std::vector<std::string> texts = words;
  std::vector<char*> argv;
  for (auto& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prepare();
  execv(argv[0], argv.data());
  _exit(127);
}

/// Has a folder with plugins/ and state/. Killed, if need be, when it goes.
class HostProcess {
 public:
  struct Setup {
    std::vector<std::string> plugins{"test_behaviours"};
    std::string config{};                   ///< lines of host.toml
    std::vector<std::string> options{};     ///< more of the command line
    std::function<void()> prepare = [] {};  ///< runs in the child, before the program
    int error = -1;                         ///< its standard error; none: a file
  };
  explicit HostProcess(Setup setup) : setup_(std::move(setup)) {
    std::filesystem::create_directories(folder() / "plugins");
    for (const auto& name : setup_.plugins) deploy(name);
    std::filesystem::permissions(folder(), std::filesystem::perms::owner_all);
  }
  ~HostProcess() {
    if (pid_ > 0 && !ended_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  /// Starts it, and does not wait for anything.
  void start() {
    write_file(config(), "listen = \"127.0.0.1:0\"\nplugins_dir = \"plugins\"\nstate_dir = \"" +
                             state_name + "\"\n" + setup_.config);
    std::vector<std::string> words{test::where::kHost, "--config", config().string()};
    words.insert(words.end(), setup_.options.begin(), setup_.options.end());
    std::filesystem::remove(folder() / "out.log");
    ended_.reset();
    pid_ = start_program(words, [this] {
      redirect(STDOUT_FILENO, folder() / "out.log");
      if (setup_.error < 0)
        redirect(STDERR_FILENO, folder() / "err.log");
      else
        dup2(setup_.error, STDERR_FILENO);
      setup_.prepare();
    });
  }
  /// Starts it, and waits until it serves.
  [[nodiscard]] bool serves() {
    start();
    std::smatch found;
    std::string line;
    const std::regex ready(R"(dojo-host \S+ ready on 127\.0\.0\.1:(\d+), hotkey \w+\n)");
    const bool came = eventually([&] {
      line = read_file(folder() / "out.log");
      return std::regex_match(line, found, ready) || has_ended();
    });
    if (!came || ended_) return false;
    port_ = static_cast<std::uint16_t>(std::stoi(found[1]));
    self_.emplace(wire::load_wallet(state() / "identity.json").value().keypair);
    return true;
  }
  /// @return its exit code, or the signal that ended it, negative
  int wait() {
    EXPECT_TRUE(eventually([&] { return has_ended(); })) << log();
    return ended_.value_or(-1'000);
  }
  int stop() {
    kill(pid_, SIGTERM);
    return wait();
  }
  void put(const std::string& plugin, const std::string& as) const {
    const auto folder = this->folder() / "plugins";
    std::filesystem::copy_file(test::plugin(plugin), folder / ".new");
    std::filesystem::rename(folder / ".new", folder / (as + ".so"));
  }
  void deploy(const std::string& plugin) const { put(plugin, plugin); }

  /// A signed request as it stands on the wire.
  [[nodiscard]] std::string request(const std::string& path) const {
    const auto now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const auto head = dojo1(caller_, statement(*self_, path, "{}", now));
    std::string all = "Content-Length: 2\r\n";
    for (const auto& field : head.fields) {
      all += std::string(field.name_string()) + ": " + std::string(field.value()) + "\r\n";
    }
    return net::request(path, all, "{}", "POST");
  }
  [[nodiscard]] std::optional<net::Reply> ask(const std::string& path) const {
    auto client = net::Client::to(port_);
    client.send(request(path));
    return client.read_reply();
  }

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] std::filesystem::path state() const { return folder() / state_name; }
  [[nodiscard]] std::filesystem::path config() const { return folder() / "host.toml"; }
  [[nodiscard]] std::filesystem::path proc() const {
    return std::filesystem::path("/proc") / std::to_string(pid_);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string log() const { return read_file(folder() / "err.log"); }
  std::string state_name = "state";

 private:
  static void redirect(int fd, const std::filesystem::path& file) {
    const int opened = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, S_IRUSR | S_IWUSR);
    dup2(opened, fd);
    close(opened);
  }
  bool has_ended() {
    int status = 0;
    if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) {
      ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    return ended_.has_value();
  }

  const ScratchFolder folder_;
  const Setup setup_;
  const wire::Keypair caller_ = wire::Keypair::generate();
  std::optional<wire::Keypair> self_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
  std::optional<int> ended_;
};

}  // namespace dojo::test
