#include "worker/probe.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <dojo/plugin.h>

#include "plugins/child.hpp"
#include "plugins/elf.hpp"
#include "plugins/instance.hpp"
#include "plugins/probe_line.hpp"
#include "plugins/span.hpp"
#include "plugins/stragglers.hpp"

namespace dojo::worker {
namespace {

using namespace plugins;

constexpr int kNiceness = 10;
constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr std::size_t kLongestConfig = std::size_t{16} << 20;
constexpr std::uint64_t kGeneration = 1;  // there is no other in this process

/// The worker's end of the socket. Whoever it is that waits at the other end, it ends this process
/// if it likes to; there is nobody to report failures to.
class Channel {
 public:
  explicit Channel(int fd) : fd_(fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }

  void say(const ProbeLine& line) const {
    const auto text = write_probe_line(line);
    for (std::size_t sent = 0; sent < text.size();) {
      const auto more = send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (more < 0 && errno != EINTR) _exit(kFailed);
      if (more > 0) sent += static_cast<std::size_t>(more);
    }
  }
  void say(Stage stage) const {
    ProbeLine line;
    line.stage = stage;
    say(line);
  }
  void refuse(std::string why) const {
    ProbeLine line;
    line.kind = ProbeLine::Kind::refused;
    line.faults.push_back(std::move(why));
    say(line);
  }

  /// The one line that the host sends.
  [[nodiscard]] Result<std::string> hear_config() const {
    std::string text;
    std::array<char, 16384> buffer{};
    while (!text.ends_with('\n') && text.size() < kLongestConfig) {
      const auto got = read(fd_, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return fail("the host has gone");
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return read_probe_config(text);
  }

 private:
  int fd_;
};

/// A host that serves nobody: what a plugin can call while it is tried.
dojo_host stub_host() {
  static const dojo_executor_v1 kExecutor = {
      sizeof kExecutor,
      [](void*, void (*)(void*, std::int32_t), void*) -> std::int32_t { return DOJO_FAILED; }};
  dojo_host host{};
  host.struct_size = sizeof host;
  host.abi_major = DOJO_ABI_MAJOR;
  host.abi_minor = DOJO_ABI_MINOR;
  host.complete = [](void*, dojo_request_id, const dojo_response* response) -> std::int32_t {
    if (response != nullptr && response->release != nullptr) {
      response->release(response->release_context);
    }
    return DOJO_STALE;
  };
  host.cancelled = [](void*, dojo_request_id) -> std::int32_t { return 0; };
  host.now_ns = [](void*) -> std::uint64_t {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  };
  host.log = [](void*, std::int32_t, dojo_request_id, dojo_span text) {
    const auto line = printable(view(text), 1024) + '\n';
    (void)!write(STDERR_FILENO, line.data(), line.size());
  };
  host.count = [](void*, dojo_span, double) {};
  host.observe = [](void*, dojo_span, double) {};
  host.extension = [](void*, const char* name) -> const void* {
    const bool known = name != nullptr && std::string_view(name) == DOJO_EXT_EXECUTOR;
    return known ? &kExecutor : nullptr;
  };
  return host;
}

/// A plugin's life, as far as it is tried.
class Trial {
 public:
  Trial(std::filesystem::path file, const Channel& channel)
      : file_(std::move(file)), channel_(channel) {}

  int run() {
    channel_.say(Stage::check);
    auto config = check();
    if (!config) return kFailed;
    Status lived;
    // On a thread that ends before it is unloaded, as in the host: what a plugin keeps for a thread
    // keeps it mapped for as long.
    std::thread([&] {
      name_this_thread(kGeneration);
      lived = live(*config);
    }).join();
    if (!lived) {
      channel_.refuse(lived.error().message);
      return kFailed;
    }
    channel_.say(Stage::unload);
    unload();
    channel_.say(report_);
    return kOk;
  }

 private:
  /// Reads the file, tells the host, and gets the plugin's config for it.
  Result<std::string> check() {
    ProbeLine line;
    line.kind = ProbeLine::Kind::facts;
    const auto facts = inspect_elf(file_);
    if (facts) {
      line.name = facts->name;
      line.faults = loading_faults(*facts);
      line.stuck = unloading_faults(*facts);
      if (facts->abi_minor > DOJO_ABI_MINOR) {
        line.notes.push_back(
            fmt::format("it was built for plugin ABI {}.{}: this host has {}.{}, and does not use "
                        "what is newer",
                        facts->abi_major, facts->abi_minor, DOJO_ABI_MAJOR, DOJO_ABI_MINOR));
      }
      name_ = facts->name;
    } else {
      line.faults.push_back(facts.error().message);
    }
    channel_.say(line);
    if (!line.faults.empty()) return fail("refused");
    return channel_.hear_config();
  }

  Status live(const std::string& config) {
    channel_.say(Stage::load);
    auto opened = Instance::open(file_);
    if (!opened) return Unexpected(opened.error());
    instance_ = std::move(*opened);
    if (instance_->name() != name_) {
      return fail(fmt::format("it has two names: \"{}\" in its entry, \"{}\" in its note",
                              instance_->name(), name_));
    }
    channel_.say(Stage::create);
    if (auto status = instance_->create(host_, config); !status) return status;
    channel_.say(Stage::selftest);
    if (auto status = instance_->selftest(); !status) return status;
    describe_plugin();
    channel_.say(Stage::destroy);
    return instance_->end();
  }

  void describe_plugin() {
    report_.kind = ProbeLine::Kind::good;
    report_.version = instance_->version();
    for (const auto& route : instance_->routes()) report_.routes.push_back(route.name);
    if (!instance_->has_health()) {
      report_.notes.emplace_back("it has no health check (dojo.health/1)");
    }
  }

  void unload() {
    if (const auto left = stragglers(kGeneration, file_); !left.empty()) {
      report_.notes.push_back(
          fmt::format("{} thread{} of it outlive{} destroy(): it could not be unloaded",
                      left.size(), left.size() == 1 ? "" : "s", left.size() == 1 ? "s" : ""));
      return;
    }
    instance_->unload();
    if (is_mapped(file_)) {
      report_.notes.emplace_back(
          "it stays loaded after dlclose(): each replacement would take memory for ever");
    }
  }

  const std::filesystem::path file_;  // as /proc/self/maps has it
  const Channel& channel_;
  const dojo_host host_ = stub_host();
  std::string name_;
  std::unique_ptr<Instance> instance_;
  ProbeLine report_;
};

/// A crash ends the process by its signal, also where a sanitizer's runtime would catch it.
void die_plainly() {
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(number, SIG_DFL);
}

}  // namespace

int probe(int argc, char** argv) {
  CLI::App app("Tries a plugin's file for dojo-host", "dojo-worker probe");
  std::string file;
  Limits limits;
  app.add_option("file", file)->required();
  app.add_option("--memory", limits.memory_bytes, "bytes it may allocate; 0: as it likes");
  app.add_option("--cpu", limits.cpu_seconds, "seconds it may compute; 0: as it likes");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  die_plainly();
  // Requests that are being served meanwhile come first.
  (void)setpriority(PRIO_PROCESS, 0, kNiceness);
  const Channel channel(kProbeDescriptor);
  if (auto status = apply_limits(limits); !status) {
    std::fprintf(stderr, "dojo-worker: %s\n", status.error().message.c_str());
    return kFailed;
  }
  std::error_code error;
  const auto canonical = std::filesystem::canonical(file, error);
  Trial trial(error ? std::filesystem::path(file) : canonical, channel);
  // Without the destructors of a plugin that may still have threads.
  _exit(trial.run());
}

}  // namespace dojo::worker
