#include "worker/trial.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <dojo/plugin.h>

#include "plugins/abi/elf.hpp"
#include "plugins/abi/instance.hpp"
#include "plugins/abi/span.hpp"
#include "plugins/deploy/probe_line.hpp"
#include "plugins/deploy/shortage.hpp"
#include "plugins/deploy/staging.hpp"
#include "plugins/run/child.hpp"
#include "plugins/run/stragglers.hpp"
#include "text/terminal.hpp"
#include "worker/plugin_file.hpp"
#include "worker/process_state.hpp"
#include "worker/sandbox.hpp"

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
  void refuse(std::string why, bool shortage) const {
    ProbeLine line;
    line.kind = ProbeLine::Kind::refused;
    line.shortage = shortage;
    line.faults.push_back(std::move(why));
    say(line);
  }

  /// The one line that the host sends.
  [[nodiscard]] Result<ProbeConfig> hear_config() const {
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
    const auto line = text::printable(view(text), 1024) + '\n';
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
  /// @param limited its memory is
  Trial(std::filesystem::path file, const Channel& channel, bool limited)
      : file_(std::move(file)), channel_(channel), limited_(limited) {}

  int run() {
    channel_.say(Stage::check);
    auto config = check();
    if (!config) return kFailed;
    Status lived = confine_for(config->sandbox);
    if (!lived) {
      channel_.refuse(lived.error().message, false);
      return kFailed;
    }
    // On a thread that ends before it is unloaded, as in the host: what a plugin keeps for a thread
    // keeps it mapped for as long.
    try {
      std::thread([&] {
        name_this_thread(kGeneration);
        lived = live(config->config);
      }).join();
    } catch (const std::system_error& error) {
      lived = fail(fmt::format("it cannot be tried: {}", error.what()));
    }
    if (!lived) {
      const auto& why = lived.error().message;
      // A plugin that wants more memory than it may have is told so: that is its own fault.
      const bool own = limited_ && created_ && tells_of_no_memory(why);
      channel_.refuse(why, !own && tells_of_shortage(why));
      return kFailed;
    }
    channel_.say(Stage::unload);
    unload();
    channel_.say(report_);
    return kOk;
  }

 private:
  /// Reads the file, tells the host, and gets the plugin's config for it.
  Result<ProbeConfig> check() {
    ProbeLine line;
    line.kind = ProbeLine::Kind::facts;
    const auto facts = inspect_elf(file_);
    if (facts) {
      line.name = facts->name;
      line.faults = loading_faults(*facts);
      line.stuck = sharing_faults(*facts);
      if (facts->static_tls) {
        line.notes.emplace_back(
            "it has thread-local variables of the initial-exec model, for which a process has "
            "little room that it never gets back: it may not be replaceable often. Build it "
            "without -ftls-model=initial-exec, or set isolation = \"process\"");
      }
      check_libraries(line);
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

  /// Before any code of the plugin's runs.
  Status confine_for(const SandboxOptions& options) {
    if (options.user) {
      auto opened = PluginFile::open(file_);
      if (!opened) return Unexpected(opened.error());
      held_ = std::move(*opened);
    }
    return confine(options, file_);
  }

  /// Those that it brings: they are loaded with it, and should go with it.
  void check_libraries(ProbeLine& line) const {
    std::error_code none;
    for (std::filesystem::directory_iterator entry(libraries_of(file_), none), end;
         !none && entry != end; entry.increment(none)) {
      if (!entry->is_regular_file()) continue;
      const auto file = entry->path().filename().string();
      const auto say = [&](std::vector<std::string>& where, const std::string& what) {
        where.push_back(fmt::format("its library {}: {}", file.substr(file.find('-') + 1), what));
      };
      if (const auto whole = check_elf(entry->path()); !whole) {
        say(line.faults, whole.error().message);
        continue;
      }
      const auto facts = inspect_elf(entry->path());
      if (!facts) say(line.stuck, facts.error().message);
      if (!facts) continue;
      for (const auto& fault : sharing_faults(*facts)) say(line.stuck, fault);
    }
  }

  Status live(const std::string& config) {
    const auto before = ProcessState::now();
    channel_.say(Stage::load);
    auto opened = held_ ? held_->load() : Instance::open(file_);
    if (!opened) return Unexpected(opened.error());
    instance_ = std::move(*opened);
    if (instance_->name() != name_) {
      return fail(fmt::format("it has two names: \"{}\" in its entry, \"{}\" in its note",
                              instance_->name(), name_));
    }
    channel_.say(Stage::create);
    created_ = true;
    if (auto status = instance_->create(host_, config); !status) return status;
    if (const auto changes = ProcessState::now().changes_since(before); !changes.empty()) {
      report_.stuck.push_back(
          fmt::format("it changes what belongs to the whole process: {}. Leave that to the host, "
                      "or set isolation = \"process\"",
                      fmt::join(changes, ", ")));
    }
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
  const bool limited_;
  std::optional<PluginFile> held_;
  bool created_ = false;  // create() has been called
  const dojo_host host_ = stub_host();
  std::string name_;
  std::unique_ptr<Instance> instance_;
  ProbeLine report_;
};

/// A crash ends the process by its signal, also where a sanitizer's runtime would catch it.
void die_plainly() {
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(number, SIG_DFL);
  std::signal(SIGPIPE, SIG_IGN);  // as it is in the host
}

}  // namespace

int try_file(int argc, char** argv) {
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
  Trial trial(error ? std::filesystem::path(file) : canonical, channel, limits.memory_bytes != 0);
  // Without the destructors of a plugin that may still have threads.
  _exit(trial.run());
}

}  // namespace dojo::worker
