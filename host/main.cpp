// dojo-host: the command line, signals, and the life of the process.
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/allocator.hpp"
#include "base/descriptor.hpp"
#include "base/log.hpp"
#include "base/log_writer.hpp"
#include "base/open_files.hpp"
#include "base/threads.hpp"
#include "check_start.hpp"
#include "config/config.hpp"
#include "control/commands.hpp"
#include "control/control.hpp"
#include "control/ctl.hpp"
#include "identity.hpp"
#include "plugins/deploy/probe_report.hpp"
#include "process/inherited.hpp"
#include "server.hpp"
#include "text/output.hpp"
#include "text/terminal.hpp"

namespace {

using namespace dojo;

constexpr int kOk = 0;
constexpr int kFailed = 1;  // could not serve, or did not drain in time
constexpr int kUsage = 2;   // command line or config

// How long the last words of a host may take that nobody reads.
constexpr std::chrono::milliseconds kLastWords{1'000};

struct Arguments {
  std::string config;
  std::string listen;
  std::string plugins;
  std::string state;
  std::string wallet;
  std::string password_file;
  std::string log_level;
  std::string log_format;
  std::string probe;
  bool check_config = false;
};

void describe(CLI::App& app, Arguments& arguments) {
  app.set_version_flag("--version", "dojo-host " DOJO_VERSION);
  app.add_option("--config", arguments.config,
                 "TOML file; every key is described in etc/dojo-host.toml")
      ->type_name("FILE");
  app.add_option("--listen", arguments.listen,
                 "address to serve; default 127.0.0.1:8091, port 0: any free one")
      ->type_name("ADDR:PORT");
  app.add_option("--plugins", arguments.plugins,
                 "folder with the plugins' .so files; default: ../plugins beside the program, or "
                 "../lib/dojo/plugins where there is none")
      ->type_name("DIR");
  app.add_option("--state", arguments.state,
                 "folder for what outlives the host; default: ~/.local/state/dojo-host")
      ->type_name("DIR");
  app.add_option("--wallet", arguments.wallet,
                 "hotkey file; default: an identity of the state folder's own")
      ->type_name("FILE");
  app.add_option(
         "--password-file", arguments.password_file,
         "holds an encrypted hotkey file's password; without one it is DOJO_WALLET_PASSWORD's, "
         "BT_WALLET_PASSWORD's, or asked for on a terminal")
      ->type_name("FILE");
  app.add_option("--log-level", arguments.log_level,
                 "debug, info, warning, error or off; default info");
  app.add_option("--log-format", arguments.log_format, "text or json; default text")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_flag("--check-config", arguments.check_config,
               "say what is wrong with the config, and what would keep the host from starting with "
               "it or a plugin from serving, and exit");
  app.add_option("--probe", arguments.probe,
                 "try a plugin's file as the host would, say all that would refuse it, and exit")
      ->type_name("FILE");
  app.footer(
      "Examples:\n"
      "  dojo-host --plugins build/release/plugins\n"
      "  dojo-host --config /etc/dojo-host.toml --check-config\n"
      "  dojo-host --probe myplugin.so\n"
      "  dojo-host ctl --help              ask a host that runs: its plugins, reload, rollback …\n"
      "\n"
      "A plugin's file that is replaced in the folder is taken up while the host serves.\n"
      "SIGHUP reads again what the config says of callers and of plugins; the rest needs a "
      "restart.\n"
      "SIGTERM or SIGINT drains: requests under way are answered, new ones refused. A second one "
      "stops at once.\n"
      "Exit codes: 0 stopped, 1 failed or requests were cut off, 2 bad command line or config.");
}

Result<host::Config> configure(const Arguments& arguments) {
  auto config = arguments.config.empty() ? Result<host::Config>(host::default_config())
                                         : host::load_config(arguments.config);
  if (!config) return config;
  if (!arguments.listen.empty()) {
    if (auto status = host::set_listen(config->http, arguments.listen); !status) {
      return fail("--listen: " + status.error().message);
    }
  }
  if (!arguments.plugins.empty()) config->plugins_dir = arguments.plugins;
  if (!arguments.state.empty()) config->state_dir = arguments.state;
  if (!arguments.wallet.empty()) {
    config->wallet = host::expand_home(arguments.wallet);
    config->hotkey.reset();
  }
  if (!arguments.password_file.empty()) {
    config->wallet_password_file = host::expand_home(arguments.password_file);
  }
  if (!arguments.log_level.empty()) config->log_level = arguments.log_level;
  if (!arguments.log_format.empty()) {
    config->log_format =
        arguments.log_format == "json" ? base::LogFormat::json : base::LogFormat::text;
  }
  return config;
}

/// SIGTERM, SIGINT and SIGHUP as a descriptor. Blocked before any thread starts, so that no thread
/// is interrupted by them.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    fd_ = base::Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd_) throw std::system_error(errno, std::generic_category(), "signalfd");
  }

  /// Blocks until one comes, or until a descriptor is readable; -1: none.
  /// @return which signal, or nothing for the descriptor
  [[nodiscard]] std::optional<int> wait(int other) const {
    for (;;) {
      std::array<pollfd, 2> watched{{{fd_.get(), POLLIN, 0}, {other, POLLIN, 0}}};
      if (poll(watched.data(), watched.size(), -1) <= 0) continue;
      signalfd_siginfo info{};
      if (read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        return static_cast<int>(info.ssi_signo);
      }
      if (watched[1].revents != 0) return std::nullopt;
    }
  }

  /// From now on a signal ends the process where it stands.
  static void obey_at_once() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT}) {
      std::signal(signal, [](int) {
        constexpr char kText[] = "dojo-host: stopped at once, requests under way were cut off\n";
        pollfd watched{STDERR_FILENO, POLLOUT, 0};  // nobody may be reading it
        if (poll(&watched, 1, 0) > 0) (void)!write(STDERR_FILENO, kText, sizeof kText - 1);
        _exit(kFailed);
      });
      sigaddset(&set, signal);
    }
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }

 private:
  base::Descriptor fd_;
};

/// A thread for what runs the code of plugins and may take its time, so that signals are heard
/// meanwhile: loads them, then reads the config again whenever it is asked to.
class Errands {
 public:
  Errands(std::function<void()> load, std::function<void()> reload)
      : load_(std::move(load)),
        reload_(std::move(reload)),
        loaded_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!loaded_) throw std::system_error(errno, std::generic_category(), "eventfd");
    auto thread = threads::start([this] { run(); });
    if (!thread) throw std::runtime_error(thread.error().message);
    thread_ = std::move(*thread);
  }
  /// Waits for what is being done.
  ~Errands() {
    {
      const std::lock_guard lock(mutex_);
      leaving_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  /// Readable once the plugins are loaded.
  [[nodiscard]] int loaded() const { return loaded_.get(); }
  /// Soon; once for any number of calls until it begins.
  void reload() {
    {
      const std::lock_guard lock(mutex_);
      wanted_ = true;
    }
    changed_.notify_all();
  }

 private:
  void run() {
    load_();
    constexpr std::uint64_t kOne = 1;
    (void)!write(loaded_.get(), &kOne, sizeof kOne);
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return leaving_ || wanted_; });
      if (leaving_) return;
      wanted_ = false;
      lock.unlock();
      reload_();
      lock.lock();
    }
  }

  const std::function<void()> load_;
  const std::function<void()> reload_;
  const base::Descriptor loaded_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;
  bool leaving_ = false;
  std::thread thread_;
};

std::string shown(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

/// Takes over what a config that has changed says of callers and plugins. @return what, in words
Result<std::string> reload_config(host::Server& server, const Arguments& arguments,
                                  const base::Log& log) {
  const auto config = configure(arguments);
  const auto changes =
      config ? server.apply(*config) : Result<host::ConfigChanges>(Unexpected(config.error()));
  if (!changes) {
    log.error("config refused: nothing of it is in force", {{"reason", changes.error().message}});
    return Unexpected(changes.error());
  }
  log.info("config read again",
           {{"file", arguments.config},
            {"in_force", fmt::format("{}", fmt::join(changes->in_force, " "))},
            {"needs_restart", fmt::format("{}", fmt::join(changes->need_restart, " "))}});
  return changes->text();
}

/// Out of memory or threads: what was to be done is not, and the host goes on.
void guard(const base::Log& log, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    log.error("plugins or config could not be taken up", {{"reason", error.what()}});
  }
}

/// Serves until a signal comes. @return false if it cannot serve
bool serve_until_stopped(host::Server& server, const Signals& signals, Errands& errands,
                         const base::Log& log, const std::function<void()>& announce) {
  bool serving = false;
  for (;;) {
    const auto signal = signals.wait(serving ? -1 : errands.loaded());
    if (signal == SIGHUP) {
      errands.reload();
    } else if (signal) {
      return true;
    } else {
      if (auto status = server.start(); !status) {
        log.error(status.error().message);
        return false;
      }
      announce();
      serving = true;
    }
  }
}

/// Ends the host in good order, whatever its plugins do. @return the exit code
int end(host::Server& server, std::unique_ptr<control::Control>& control, const base::Log& log) {
  const bool drained = server.drain();
  if (!drained) log.warning("the drain limit has passed: requests are cut off");
  control->hide();
  const bool ended = server.plugins().stop();
  if (ended) control.reset();  // what it runs comes back now
  (void)server.stop();
  const int code = drained ? kOk : kFailed;
  if (ended) return code;
  log.warning("a plugin does not end: it is left behind");
  (void)log.flush(kLastWords);
  _exit(code);  // destructors would wait for it
}

int serve(const host::Config& config, const Arguments& arguments, const base::Log& log,
          const Signals& signals) {
  base::raise_open_files(config.http.limits.max_connections, log);
  const auto identity = host::load_identity(config, log);
  if (!identity) {
    log.error(identity.error().message);
    return kFailed;
  }
  auto server = host::Server::create(config, *identity, log);
  if (!server) {
    log.error(server.error().message);
    return kFailed;
  }
  const auto reload = [&] { return reload_config(**server, arguments, log); };
  auto control = control::Control::open(
      config.state_dir, host::make_commands(**server, reload, [] { kill(getpid(), SIGTERM); }));
  if (!control) {
    log.error(control.error().message);
    return kFailed;
  }
  Errands errands([&] { guard(log, [&] { (*server)->load(); }); },
                  [&] { guard(log, [&] { (void)reload(); }); });
  const auto announce = [&] {
    const auto line = fmt::format("dojo-host {} ready on {}:{}, hotkey {}\n", DOJO_VERSION,
                                  shown(config.http.address), (*server)->port(),
                                  wire::encode_ss58(identity->key));
    if (!base::write_within(STDOUT_FILENO, line, kLastWords)) {
      log.warning("standard output does not take the line that says that this host is ready");
    }
  };
  const bool served = serve_until_stopped(**server, signals, errands, log, announce);
  Signals::obey_at_once();
  const int code = end(**server, *control, log);
  return served ? code : kFailed;
}

/// `dojo-host --probe FILE`
int probe(const host::Config& config, const std::string& file) {
  const auto settings_for = [&](const std::string& plugin) {
    return plugins::trial_settings(host::settings_of(config, plugin));
  };
  const auto report = plugins::report_probe(
      file, settings_for, {config.worker, config.reload.probe, config.reload.probe_memory});
  std::fputs(text::escaped(report.text, "\n\t").c_str(), stdout);
  return report.exit_code;
}

/// What stands in files and their names, and what plugins say, is for no terminal to obey.
void complain(std::string_view text) {
  std::fprintf(stderr, "%s\n", text::escaped(text, "\n").c_str());
}

/// `dojo-host --check-config`
int check(const host::Config& config, const std::string& file) {
  const auto found = host::check_start(config);
  const char* const shown = file.empty() ? "the defaults" : file.c_str();
  for (const auto& fault : found.faults) complain(fault);
  for (const auto& text : found.warnings) complain("warning: " + text);
  std::printf("who may call: %s\n", found.callers.c_str());
  if (!found.faults.empty()) return kUsage;
  std::printf("%s: good\n", shown);
  return kOk;
}

int run(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "ctl") return control::ctl(argc - 1, argv + 1);
  CLI::App app("dojo-host: serves handler plugins to Bittensor validators", "dojo-host");
  Arguments arguments;
  describe(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  const auto config = configure(arguments);
  if (!config) {
    complain(config.error().message);
    return kUsage;
  }
  if (!arguments.probe.empty()) return probe(*config, arguments.probe);
  const auto log = base::Log::open(config->log_level, config->log_format);
  if (!log) {
    std::fprintf(stderr, "%s\n", log.error().message.c_str());
    return kUsage;
  }
  if (arguments.check_config) return check(*config, arguments.config);
  std::signal(SIGPIPE, SIG_IGN);
  const Signals signals;
  return serve(*config, arguments, *log, signals);
}

}  // namespace

int main(int argc, char** argv) {
  dojo::process::undo_inheritance();
  dojo::process::have_safe_umask();
  dojo::base::keep_freed_buffers();
  // What else it was given is not for the programs that it starts, nor for those that plugins
  // start.
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  int exit_code = kFailed;
  try {
    exit_code = run(argc, argv);
  } catch (const std::exception& error) {
    (void)dojo::base::write_within(STDERR_FILENO, fmt::format("dojo-host: {}\n", error.what()),
                                   kLastWords);
  }
  return text::finish_output("dojo-host", exit_code, kFailed);
}
