// dojo-host: the command line, signals, and the life of the process.
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "admin/control.hpp"
#include "admin/ctl.hpp"
#include "commands.hpp"
#include "config.hpp"
#include "identity.hpp"
#include "log.hpp"
#include "plugins/probe_report.hpp"
#include "server.hpp"

namespace {

using namespace dojo;

constexpr int kOk = 0;
constexpr int kFailed = 1;  // could not serve, or did not drain in time
constexpr int kUsage = 2;   // command line or config

struct Arguments {
  std::string config;
  std::string listen;
  std::string plugins;
  std::string state;
  std::string wallet;
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
  app.add_option("--log-level", arguments.log_level,
                 "debug, info, warning, error or off; default info");
  app.add_option("--log-format", arguments.log_format, "text or json; default text")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_flag("--check-config", arguments.check_config,
               "read the config, say what is wrong with it, and exit");
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
  if (!arguments.wallet.empty()) config->wallet = host::expand_home(arguments.wallet);
  if (!arguments.log_level.empty()) config->log_level = arguments.log_level;
  if (!arguments.log_format.empty()) {
    config->log_format =
        arguments.log_format == "json" ? host::LogFormat::json : host::LogFormat::text;
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
    fd_ = signalfd(-1, &set, SFD_CLOEXEC);
    std::signal(SIGPIPE, SIG_IGN);
  }
  ~Signals() { close(fd_); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Blocks until one comes. @return which
  [[nodiscard]] int wait() const {
    signalfd_siginfo info{};
    while (read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) {
    }
    return static_cast<int>(info.ssi_signo);
  }

  /// From now on a signal ends the process where it stands.
  static void obey_at_once() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT}) {
      std::signal(signal, [](int) {
        constexpr char kText[] = "dojo-host: stopped at once, requests under way were cut off\n";
        (void)!write(STDERR_FILENO, kText, sizeof kText - 1);
        _exit(kFailed);
      });
      sigaddset(&set, signal);
    }
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }

 private:
  int fd_ = -1;
};

std::string shown(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

/// Takes over what a config that has changed says of callers and of plugins.
Status reload_config(host::Server& server, const Arguments& arguments, const host::Log& log) {
  const auto config = configure(arguments);
  auto status = config ? server.apply(*config) : Unexpected(config.error());
  if (status) {
    log.info("config read again", {{"file", arguments.config}});
  } else {
    log.error("config not taken over", {{"reason", status.error().message}});
  }
  return status;
}

int serve(const host::Config& config, const Arguments& arguments, const host::Log& log,
          const Signals& signals) {
  const auto identity = host::load_identity(config, log);
  if (!identity) {
    log.error(identity.error().message);
    return kFailed;
  }
  auto server = host::Server::create(config, identity->keypair, log, identity->fresh);
  if (!server) {
    log.error(server.error().message);
    return kFailed;
  }
  const auto reload = [&] { return reload_config(**server, arguments, log); };
  auto control = admin::Control::open(
      config.state_dir, host::make_commands(**server, reload, [] { kill(getpid(), SIGTERM); }));
  if (!control) {
    log.error(control.error().message);
    return kFailed;
  }
  (*server)->start();
  std::printf("dojo-host %s ready on %s:%u, hotkey %s\n", DOJO_VERSION,
              shown(config.http.address).c_str(), (*server)->port(),
              identity->keypair.address().c_str());
  std::fflush(stdout);

  while (signals.wait() == SIGHUP) (void)reload();
  Signals::obey_at_once();
  const bool drained = (*server)->drain();
  if (!drained) log.warning("the drain limit has passed: requests are cut off");
  control->reset();
  if (!(*server)->stop()) {
    log.warning("a plugin does not end: it is left behind");
    _exit(drained ? kOk : kFailed);  // destructors would wait for it
  }
  return drained ? kOk : kFailed;
}

/// `dojo-host --probe FILE`
int probe(const host::Config& config, const std::string& file) {
  const auto settings_for = [&](const std::string& plugin) {
    const auto settings = host::settings_of(config, plugin);
    return plugins::TrialSettings{settings.config,
                                  settings.run.isolation == plugins::Isolation::process};
  };
  const auto report = plugins::report_probe(
      file, settings_for, {config.worker, config.reload.probe, config.reload.probe_memory});
  std::fputs(report.text.c_str(), stdout);
  return report.exit_code;
}

int run(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "ctl") return admin::ctl(argc - 1, argv + 1);
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
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return kUsage;
  }
  if (!arguments.probe.empty()) return probe(*config, arguments.probe);
  const auto log = host::Log::open(config->log_level, config->log_format);
  if (!log) {
    std::fprintf(stderr, "%s\n", log.error().message.c_str());
    return kUsage;
  }
  if (arguments.check_config) {
    std::printf("%s: good\n", arguments.config.empty() ? "the defaults" : arguments.config.c_str());
    return kOk;
  }
  const Signals signals;
  return serve(*config, arguments, *log, signals);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dojo-host: %s\n", error.what());
    return kFailed;
  }
}
