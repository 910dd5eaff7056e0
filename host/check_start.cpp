#include "check_start.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <dojo/wire/password.hpp>
#include <dojo/wire/wallet.hpp>

#include "base/descriptor.hpp"
#include "base/files.hpp"
#include "config/callers.hpp"
#include "net/listen.hpp"
#include "plugins/deploy/folder_watch.hpp"
#include "plugins/deploy/libraries.hpp"
#include "plugins/deploy/probe_report.hpp"

namespace dojo::host {
namespace {

namespace fs = std::filesystem;

/// Whether a host answers at the control socket of a state folder.
bool host_runs(const fs::path& state_dir) {
  const auto path = (state_dir / "control").native();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(&address.sun_path[0], path.data(), path.size());
  const base::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return socket &&
         connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

class Check {
 public:
  explicit Check(const Config& config) : config_(config) {}

  StartCheck run() {
    check_state_dir();
    check_wallet();
    check_listen();
    check_auth();
    check_plugins();
    check_names();
    check_routes();
    found_.callers = who_may_call(config_, config_.http.address);
    return std::move(found_);
  }

 private:
  template <class... Args>
  void fault(fmt::format_string<Args...> text, Args&&... args) {
    found_.faults.push_back(fmt::format(text, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> text, Args&&... args) {
    found_.warnings.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  void check_state_dir() {
    std::error_code error;
    if (fs::exists(config_.state_dir, error)) {
      // Opened, and not made, since it is there.
      if (const auto opened = base::open_private_folder(config_.state_dir); !opened) {
        return fault("state_dir: {}", opened.error().message);
      }
    }
    auto nearest = fs::absolute(config_.state_dir, error).lexically_normal();
    while (!fs::exists(nearest, error) && nearest.has_relative_path()) {
      nearest = nearest.parent_path();
    }
    struct statvfs disk{};
    if (!fs::is_directory(nearest, error)) {
      fault("state_dir: {} is no folder", nearest.string());
    } else if (::access(nearest.c_str(), W_OK | X_OK) != 0) {
      fault("state_dir: {} cannot be written to: {}", nearest.string(), base::why());
    } else if (statvfs(nearest.c_str(), &disk) == 0 && (disk.f_flag & ST_NOEXEC) != 0) {
      fault("state_dir: {} is mounted noexec: plugins cannot be loaded from there",
            nearest.string());
    }
  }

  void check_wallet() {
    if (config_.hotkey) {
      if (config_.sessions.offered) {
        warn("hotkey: there are no sessions, since there is no key that could sign for them");
      }
      return;
    }
    std::error_code error;
    auto file = config_.wallet;
    if (file.empty()) file = config_.state_dir / "identity.json";
    if (config_.wallet.empty() && !fs::exists(file, error)) {
      return warn("wallet: none; the host would make a fresh identity, which no chain knows");
    }
    const auto wallet = wire::load_wallet(file, wire::password_from(config_.wallet_password_file));
    if (!wallet) return fault("wallet: {}", wallet.error().message);
    for (const auto& warning : wallet->warnings) warn("wallet: {}", warning);
  }

  /// For a moment.
  [[nodiscard]] Status listens() const {
    const auto bound = net::bind(config_.http, 1);
    if (!bound) return Unexpected(bound.error());
    auto options = config_.http;
    options.port = bound->port;
    return net::listen(options, {bound->sockets.front().get()});
  }

  void check_listen() {
    const auto status = listens();
    if (status) return;
    const auto& why = status.error().message;
    if (!why.ends_with(std::generic_category().message(EADDRINUSE))) {
      return fault("listen: {}", why);
    }
    if (host_runs(config_.state_dir)) {
      return warn("listen: {}, by the host that runs now with this state_dir", why);
    }
    fault("listen: {}, by another program: end that one, or set another port", why);
  }

  void check_auth() {
    if (config_.auth.any_legacy_text) {
      warn("auth.legacy_text: whatever a hotkey has signed anywhere counts as its request");
    }
  }

  void check_plugins() {
    std::error_code error;
    const fs::directory_iterator readable(config_.plugins_dir, error);
    if (error) {
      return fault("plugins_dir: {}: {}", config_.plugins_dir.string(), error.message());
    }
    if (::access(config_.worker.c_str(), X_OK) != 0) {
      return fault("{} cannot be run: {}", config_.worker.string(), base::why());
    }
    const bool sandboxed = std::ranges::any_of(config_.plugins, [](const auto& row) {
      const auto& run = row.second.run;
      return run.isolation == plugins::Isolation::process && run.sandbox.on;
    });
    if (sandboxed) {
      for (const auto& gap : plugins::sandbox_gaps(plugins::landlock_abi())) {
        warn("sandbox: {}", gap);
      }
    }
    const auto files = plugins::FolderWatch(config_.plugins_dir).present();
    if (files.empty()) {
      warn("plugins_dir: {} holds no .so file", config_.plugins_dir.string());
    }
    std::set<fs::path> brought;
    for (const auto& file : files) {
      for (const auto& library : plugins::find_brought(file)) {
        brought.insert(fs::canonical(library.file, error));
      }
    }
    for (const auto& file : files) {
      if (!brought.contains(fs::canonical(file, error))) try_plugin(file);
    }
  }

  void try_plugin(const fs::path& file) {
    std::string where;  // in the config
    const auto settings_for = [&](const std::string& plugin) {
      const auto settings = settings_of(config_, plugin);
      if (!settings.where.empty()) where = settings.where + ": ";
      return plugins::trial_settings(settings);
    };
    const auto trial = plugins::try_copy(
        file, settings_for, {config_.worker, config_.reload.probe, config_.reload.probe_memory});
    const auto& found = trial.probed;
    names_.insert(found.name);  // "": that of another is not known
    const auto shown = file.lexically_normal().string();
    for (const auto& refused : trial.faults) fault("{}{}: {}", where, shown, refused);
    if (!trial.faults.empty()) {
      refused_ = true;
      return;
    }
    for (const auto& route : found.routes) {
      const auto [other, fresh] = routes_.try_emplace(route, file);
      if (!fresh) {
        fault("{}: route /{} is {}'s already; remove one of the two", shown, route,
              other->second.filename().string());
      }
    }
  }

  void check_names() {
    for (const auto& [name, settings] : config_.plugins) {
      if (names_.contains("") || names_.contains(name)) continue;
      warn("{}there is no plugin {} in {}",
           settings.where.empty() ? fmt::format("run.{}: ", name) : settings.where + ": ", name,
           config_.plugins_dir.string());
    }
  }

  /// Of a plugin that is refused the routes are not known.
  void check_routes() {
    const auto check = [&](const std::string& where, const std::string& route) {
      if (!refused_ && !routes_.contains(route)) {
        warn("{}: no plugin serves /{}", where, route);
      }
    };
    for (const auto& [route, options] : config_.auth.routes) check("routes." + route, route);
    for (const auto& rule : config_.access.rules) {
      for (const auto& route : rule.routes) check(rule.name, route);
    }
  }

  const Config& config_;
  StartCheck found_;
  std::set<std::string, std::less<>> names_;
  std::map<std::string, fs::path, std::less<>> routes_;
  bool refused_ = false;  // a plugin was
};

}  // namespace

StartCheck check_start(const Config& config) {
  return Check(config).run();
}

}  // namespace dojo::host
