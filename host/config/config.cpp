#include "config/config.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include "config/access.hpp"
#include "config/table.hpp"
#include "process/trust.hpp"

namespace dojo::host {
namespace {

namespace fs = std::filesystem;

fs::path home() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? fs::path() : fs::path(home);
}

void read_http(Table table, net::Options& http) {
  auto& limits = http.limits;
  table.integer("threads", http.threads, 0, 1024);
  table.integer("backlog", http.backlog, 1, 65535);
  table.strings("proxies", [&](const std::string& text) -> Status {
    http.proxies.push_back(text);
    return {};
  });
  table.integer("max_connections", limits.max_connections, 1);
  table.integer("max_connections_per_ip", limits.max_connections_per_ip, 1);
  table.integer("max_requests_per_connection", limits.max_requests_per_connection, 1);
  table.integer("max_head_bytes", limits.max_head, 512, 60 << 10);
  table.integer("max_target_bytes", limits.max_target, 64, 1 << 20);
  table.integer("max_headers", limits.max_headers, 8, 10'000);
  table.integer("max_body_bytes", limits.max_body, 1);
  table.integer("max_request_bytes", limits.max_request_bytes, 1);
  table.integer("max_response_bytes", limits.max_response_bytes, 1);
  table.duration("head_timeout_ms", limits.head_timeout, 1);
  table.duration("idle_timeout_ms", limits.idle_timeout, 1);
  table.duration("body_grace_ms", limits.body_grace, 1);
  table.duration("write_grace_ms", limits.write_grace, 1);
  table.duration("linger_ms", limits.linger, 0);
  table.integer("min_rate_bytes_per_s", limits.min_rate, 1);
}

/// A list of dialects, in place of what `out` has.
void read_dialects(Table& table, request::DialectSet& out) {
  bool given = false;
  const auto take = [&](const std::string& text) -> Status {
    if (!std::exchange(given, true)) out = {};
    const auto dialect = wire::parse_dialect(text);
    if (!dialect) {
      return fail(fmt::format("there is no dialect \"{}\"; there are {}", text,
                              request::DialectSet(wire::kDialects).text()));
    }
    out.insert(*dialect);
    return {};
  };
  table.strings("dialects", take, false);
}

/// @param prefix of each key's name
void read_btauth(Table& table, const std::string& prefix, request::BtauthOptions& btauth) {
  table.boolean(prefix + "require_receiver", btauth.require_receiver);
  table.duration(prefix + "max_age_ms", btauth.max_age, 100, 600'000);
  table.duration(prefix + "skew_ms", btauth.skew, 0, 600'000);
  table.string(prefix + "scheme", word_into(btauth.scheme, {{"any", std::optional<wire::Scheme>()},
                                                            {"sr25519", wire::Scheme::sr25519},
                                                            {"ed25519", wire::Scheme::ed25519}}));
  table.boolean(prefix + "sign_answers", btauth.sign_answers);
}

void read_auth(Table table, request::AuthOptions& auth, policy::ReplayOptions& replay,
               policy::SessionOptions& sessions) {
  read_dialects(table, auth.dialects);
  table.boolean("any_receiver", auth.any_receiver);
  table.string("legacy_text",
               word_into(auth.any_legacy_text, {{"original", false}, {"any", true}}));
  table.duration("window_ms", auth.window, 100, 600'000);
  table.boolean("epistula_receiver", auth.epistula_receiver);
  table.duration("epistula_past_ms", auth.epistula_past, 100, 600'000);
  table.duration("epistula_future_ms", auth.epistula_future, 0, 600'000);
  read_btauth(table, "btauth_", auth.btauth);
  table.duration("legacy_memory_h", auth.legacy_memory, 0, std::int64_t{24} * 365);
  table.mebibytes("replay_mb", replay.nonces, 1, 1 << 20);
  table.mebibytes("legacy_mb", replay.legacy, 1, 1 << 20);
  table.boolean("persist", replay.persist);
  table.boolean("sessions", sessions.offered);
  table.duration("session_ttl_s", sessions.lifetime, 10, 86'400);
  table.integer("sessions_per_hotkey", sessions.per_hotkey, 1, 1'000);
  table.integer("sessions_total", sessions.total, 1, 1'000'000);
  if (table.has("sessions_total") && sessions.total < sessions.per_hotkey) {
    table.complain("sessions_total", "must be auth.sessions_per_hotkey or more");
  }
}

void read_routes(const toml::table* routes, request::AuthOptions& auth, Complaints& complaints) {
  if (routes == nullptr) return;
  for (const auto& [name, node] : *routes) {
    const auto full = fmt::format("routes.{}", name.str());
    if (const auto* found = node.as_table()) {
      Table table(found, full, complaints);
      request::RouteAuth route{auth.dialects, auth.btauth};
      read_dialects(table, route.dialects);
      read_btauth(table, "", route.btauth);
      if (!found->empty()) auth.routes[std::string(name.str())] = route;
    } else {
      complaints.add(node, fmt::format("{} must be a table: [{}]", full, full));
    }
  }
}

/// NAME_per_s and NAME_burst.
void read_rate(Table& table, const std::string& name, policy::Rate& rate) {
  constexpr double kMost = 1e12;
  const bool given = table.number(name + "_per_s", rate.per_s, 0, kMost);
  if (given) rate.burst = std::max(1.0, rate.per_s);
  if (table.number(name + "_burst", rate.burst, 1, kMost) && rate.per_s == 0)
    table.needs(name + "_burst", name + "_per_s");
}

void read_quota(Table table, policy::QuotaOptions& quota) {
  read_rate(table, "hotkey_requests", quota.hotkey_requests);
  read_rate(table, "hotkey_bytes", quota.hotkey_bytes);
  read_rate(table, "ip_requests", quota.ip_requests);
  read_rate(table, "ip_bytes", quota.ip_bytes);
  table.integer("concurrent_per_hotkey", quota.concurrent, 0, 1'000'000'000);
  table.boolean("by_stake", quota.by_stake);
  table.number("failed_per_ip_per_s", quota.failed.per_s, 0, 1e12);
  table.number("failed_per_ip_burst", quota.failed.burst, 1, 1e12);
  table.integer("entries", quota.entries, 16, 1 << 24);
}

void read_dispatch(Table table, Config& config) {
  auto& dispatch = config.dispatch;
  table.integer("workers", config.reload.workers, 0, 1024);
  table.integer("queue", dispatch.queue, 1, 1 << 24);
  table.integer("in_flight", dispatch.in_flight, 1, 1 << 24);
  table.duration("deadline_ms", dispatch.deadline, 1);
  table.duration("drain_ms", config.drain, 0);
}

void read_stream(Table table, Config& config) {
  auto& limits = config.http.limits;
  table.duration("idle_ms", limits.stream_idle, 1);
  table.duration("max_ms", limits.stream_time, 1);
  table.integer("max_bytes", config.dispatch.stream, 1);
}

void read_compression(Table table, Config& config) {
  auto& limits = config.dispatch.decompression;
  table.integer("level", config.compression_level, 1, 22);
  table.integer("max_body_bytes", limits.max_output, 1);
  table.integer("max_window_log", limits.max_window_log, 10, 27);
  table.integer("max_request_bytes", config.dispatch.decompressed, 1);
}

void read_log(Table table, Config& config) {
  table.string("level", [&](const std::string& text) -> Status {
    config.log_level = text;
    return base::Log::check_level(text);
  });
  table.string("format", word_into(config.log_format, {{"text", base::LogFormat::text},
                                                       {"json", base::LogFormat::json}}));
}

void read_plugins(const toml::table* plugins, Config& config, Complaints& complaints) {
  if (plugins == nullptr) return;
  for (const auto& [name, node] : *plugins) {
    const auto* table = node.as_table();
    if (table == nullptr) {
      complaints.add(
          node, fmt::format("plugins.{} must be a table: [plugins.{}]", name.str(), name.str()));
      continue;
    }
    std::ostringstream json;
    json << toml::json_formatter(*table);
    auto& settings = config.plugins[std::string(name.str())];
    settings.config = json.str();
    settings.where = complaints.place(table->source());
  }
}

void read_reload(Table table, plugins::ReloadOptions& reload) {
  table.duration("debounce_ms", reload.debounce, 0, 60'000);
  table.duration("rescan_ms", reload.rescan, 10);
  table.duration("probe_ms", reload.probe, 10);
  table.mebibytes("probe_memory_mb", reload.probe_memory, 0, 1 << 24);
  table.duration("start_ms", reload.start, 10);
  table.duration("drain_ms", reload.drain, 0);
  table.duration("grace_ms", reload.grace, 0);
  table.duration("stop_ms", reload.stop, 10);
  table.duration("probation_s", reload.probation, 0);
  table.integer("probation_requests", reload.probation_requests, 1, 1 << 30);
  table.integer("probation_failures_percent", reload.probation_failures, 1, 101);
  table.integer("probation_callers", reload.probation_callers, 1, 1'000);
  table.duration("health_s", reload.health, 1);
}

/// What the host keeps for itself: no plugin's process is to be granted any of it.
std::vector<std::pair<fs::path, const char*>> secrets_of(const Config& config,
                                                         const std::string& file) {
  std::vector<std::pair<fs::path, const char*>> all = {{config.state_dir, "the state folder"},
                                                       {file, "this file"}};
  if (!config.wallet.empty()) all.emplace_back(config.wallet, "the wallet");
  if (!config.wallet_password_file.empty()) {
    all.emplace_back(config.wallet_password_file, "the wallet's password");
  }
  return all;
}

bool is_in(const fs::path& path, const fs::path& folder) {
  const auto [rest, unused] = std::ranges::mismatch(folder, path);
  return rest == folder.end();
}

/// @param writable whether it is to be written, too
Status check_grant(const fs::path& path, bool writable, const Config& config,
                   const std::string& file) {
  if (!path.is_absolute()) return fail("must be an absolute path, or begin with ~/");
  std::error_code error;
  const auto target = fs::canonical(path, error);
  if (error) return fail(fmt::format("{}: {}", path.string(), error.message()));
  auto own = secrets_of(config, file);
  if (writable) {
    own.emplace_back(config.plugins_dir, "the plugins' folder");
    own.emplace_back(config.worker.parent_path(), "the host's programs");
  }
  for (const auto& [secret, what] : own) {
    const auto where = fs::weakly_canonical(fs::absolute(secret, error), error);
    if (!is_in(where, target) && !is_in(target, where)) continue;
    return fail(fmt::format("{} would give a plugin {}, {}: name narrower folders", path.string(),
                            what, where.string()));
  }
  return {};
}

Status set_user(const std::string& name, std::optional<plugins::User>& user) {
  std::vector<char> text(std::size_t{64} << 10);
  passwd entry{};
  passwd* found = nullptr;
  const int error = getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found);
  if (found == nullptr) {
    return fail(error == 0 ? fmt::format("there is no user \"{}\"", name)
                           : fmt::format("{}: {}", name, std::strerror(error)));
  }
  user = plugins::User{entry.pw_uid, entry.pw_gid};
  return {};
}

/// Root's host does not run strangers' code as root. That user owns nothing, so what a plugin is
/// granted has to be readable for everybody, or somebody has to be named for it; the worker says so
/// at its start.
std::optional<plugins::User> default_user() {
  constexpr plugins::User kNobody{65534, 65534};  // where there is none of that name
  std::optional<plugins::User> user;
  if (::geteuid() != 0 || !plugins::can_become_others()) return user;
  return set_user("nobody", user) ? user : kNobody;
}

void read_environment(Table& table, std::vector<std::string>& environment, Complaints& complaints) {
  const auto* variables = table.table("env");
  if (variables == nullptr) return;
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  for (const auto& [name, node] : *variables) {
    const auto value = node.is_string() ? node.value<std::string>() : std::nullopt;
    const bool good = name.str().find_first_not_of(kLetters) == std::string_view::npos &&
                      !name.str().empty() && value && value->find('\0') == std::string::npos;
    if (good) {
      environment.push_back(fmt::format("{}={}", name.str(), *value));
    } else {
      complaints.add(node, fmt::format("{}.env.{} must be a string, and its name letters, digits "
                                       "and _",
                                       table.name(), name.str()));
    }
  }
}

/// @param file that is read
void read_sandbox(Table& table, plugins::SandboxOptions& sandbox, const Config& config,
                  const std::string& file) {
  table.boolean("sandbox", sandbox.on);
  const auto grant = [&](std::vector<std::string>& grants, bool writable) {
    return [&, writable](const std::string& text) -> Status {
      const auto path = expand_home(text);
      grants.push_back(path.native());
      return check_grant(path, writable, config, file);
    };
  };
  table.strings("read", grant(sandbox.read, false));
  table.strings("write", grant(sandbox.write, true));
  table.string("user", [&](const std::string& name) { return set_user(name, sandbox.user); });
  if (sandbox.on) return;
  for (const auto* key : {"read", "write", "user"}) {
    if (table.has(key)) table.complain(key, "counts for nothing without sandbox = true");
  }
}

void read_run(Table table, plugins::RunOptions& run, const Config& config, Complaints& complaints) {
  table.integer("workers", run.workers, 0, 1024);
  table.string("isolation", word_into(run.isolation, {{"thread", plugins::Isolation::thread},
                                                      {"process", plugins::Isolation::process}}));
  table.string("reload",
               word_into(run.replacement, {{"swap", plugins::Replacement::swap},
                                           {"exclusive", plugins::Replacement::exclusive}}));
  table.mebibytes("memory_mb", run.memory, 0, 1 << 24);
  table.integer("cpu_s", run.cpu, 0, 1'000'000'000);
  table.integer("open_files", run.files, 0, 1 << 20);
  read_sandbox(table, run.sandbox, config, complaints.file());
  read_environment(table, run.sandbox.environment, complaints);
  table.duration("restart_most_ms", run.restart_most, 10);
  if (run.isolation == plugins::Isolation::process) {
    if (run.sandbox.on && !run.sandbox.user) run.sandbox.user = default_user();
    return;
  }
  const plugins::RunOptions none;
  const auto only_there = [&](std::string_view key, bool as_ever) {
    if (!as_ever) table.complain(key, "counts for nothing without isolation = \"process\"");
  };
  only_there("memory_mb", run.memory == none.memory);
  only_there("cpu_s", run.cpu == none.cpu);
  only_there("open_files", run.files == none.files);
  for (const auto* key : {"sandbox", "read", "write", "user", "env"}) {
    only_there(key, !table.has(key));
  }
  only_there("restart_most_ms", run.restart_most == none.restart_most);
}

void read_runs(const toml::table* runs, Config& config, Complaints& complaints) {
  if (runs == nullptr) return;
  for (const auto& [name, node] : *runs) {
    const auto full = fmt::format("run.{}", name.str());
    if (const auto* table = node.as_table()) {
      read_run({table, full, complaints}, config.plugins[std::string(name.str())].run, config,
               complaints);
    } else {
      complaints.add(node, fmt::format("{} must be a table: [{}]", full, full));
    }
  }
}

/// Every key of a table and of those in it; a list is one value.
void note_written(const toml::table& table, const std::string& above, Config& config) {
  for (const auto& [name, node] : table) {
    const auto key =
        above.empty() ? std::string(name.str()) : fmt::format("{}.{}", above, name.str());
    if (const auto* inner = node.as_table()) {
      note_written(*inner, key, config);
      continue;
    }
    std::ostringstream text;
    node.visit([&](const auto& value) { text << value; });
    config.written[key] = text.str();
  }
}

Result<std::string> read_file(const fs::path& file) {
  std::error_code error;
  if (fs::is_directory(file, error)) {
    return fail(fmt::format("{}: cannot be read: it is a folder", file.string()));
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(fmt::format("{}: cannot be read: {}", file.string(), std::strerror(errno)));
  struct stat found{};
  if (stat(file.c_str(), &found) == 0) {
    if (const auto fault = process::who_else_writes_file(found, file, process::its_reader(found));
        !fault.empty()) {
      return fail(fault);
    }
  }
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Result<toml::table> parse_toml(std::string_view text, const std::string& name) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return fail(fmt::format("{}:{}: {}", name, error.source().begin.line, error.description()));
  }
}

fs::path folder_of(const fs::path& file) {
  std::error_code error;
  return fs::absolute(file, error).parent_path();
}

}  // namespace

fs::path expand_home(std::string_view path) {
  if (path == "~") return home();
  if (path.starts_with("~/")) return home() / path.substr(2);
  return path;
}

plugins::PluginSettings settings_of(const Config& config, std::string_view plugin) {
  const auto found = config.plugins.find(plugin);
  return found == config.plugins.end() ? plugins::PluginSettings() : found->second;
}

Config default_config() {
  Config config;
  config.http.port = 8091;
  std::error_code error;
  const auto beside = fs::read_symlink("/proc/self/exe", error).parent_path();
  const auto program = beside.parent_path();
  config.worker = beside / "dojo-worker";
  config.plugins_dir = program / "plugins";
  if (!fs::is_directory(config.plugins_dir, error))
    config.plugins_dir = program / "lib/dojo/plugins";
  const char* state = std::getenv("XDG_STATE_HOME");
  // A service of the system's has no home.
  const auto own_state = home().empty() ? fs::path("/var/lib") : home() / ".local/state";
  config.state_dir =
      (state != nullptr && *state == '/' ? fs::path(state) : own_state) / "dojo-host";
  return config;
}

Status set_listen(net::Options& http, std::string_view text) {
  const auto colon = text.rfind(':');
  const auto digits = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      port > 65535) {
    return fail(
        fmt::format("\"{}\" is not ADDRESS:PORT, such as 127.0.0.1:8091 or [::]:8091", text));
  }
  auto address = text.substr(0, colon);
  const bool bracketed = address.starts_with('[') && address.ends_with(']');
  if (bracketed) address = address.substr(1, address.size() - 2);
  if (!bracketed && address.find(':') != std::string_view::npos) {
    return fail(fmt::format("\"{}\": an IPv6 address stands in brackets: [::1]:8091", text));
  }
  http.address = address.empty() ? "::" : std::string(address);
  http.port = static_cast<std::uint16_t>(port);
  return {};
}

Result<Config> load_config(const fs::path& file) {
  const auto text = read_file(file);
  if (!text) return Unexpected(text.error());
  return parse_config(*text, file.string(), folder_of(file));
}

Result<fs::path> state_dir_of(const fs::path& file) {
  const auto text = read_file(file);
  if (!text) return Unexpected(text.error());
  const auto root = parse_toml(*text, file.string());
  if (!root) return Unexpected(root.error());
  auto state = default_config().state_dir;
  const auto* node = root->get("state_dir");
  if (node == nullptr) return state;
  const auto given = node->is_string() ? node->value<std::string>() : std::nullopt;
  if (!given) {
    return fail(
        fmt::format("{}:{}: state_dir must be a string", file.string(), node->source().begin.line));
  }
  if (auto status = path_into(state, folder_of(file))(*given); !status) {
    return Unexpected(status.error());
  }
  return state;
}

Result<Config> parse_config(std::string_view text, const std::string& name,
                            const fs::path& folder) {
  const auto root = parse_toml(text, name);
  if (!root) return Unexpected(root.error());
  auto config = default_config();
  note_written(*root, "", config);
  Complaints complaints(name);
  {
    Table top(&*root, "", complaints);
    top.string("listen", [&](const std::string& value) { return set_listen(config.http, value); });
    top.string("plugins_dir", path_into(config.plugins_dir, folder));
    top.string("state_dir", path_into(config.state_dir, folder));
    top.string("wallet", path_into(config.wallet, folder));
    top.string("hotkey", [&](const std::string& value) -> Status {
      const auto address = wire::decode_ss58(value);
      if (!address) return Unexpected(address.error());
      config.hotkey = address->key;
      return {};
    });
    if (top.has("hotkey") && top.has("wallet")) {
      top.complain("hotkey", "and wallet both say who the host is: leave one of them out");
    }
    top.string("wallet_password_file", path_into(config.wallet_password_file, folder));
    read_http({top.table("http"), "http", complaints}, config.http);
    read_auth({top.table("auth"), "auth", complaints}, config.auth, config.replay, config.sessions);
    const bool asks_metagraph =
        read_metagraph({top.table("metagraph"), "metagraph", complaints}, folder, config.metagraph);
    read_access({top.table("access"), "access", complaints}, asks_metagraph, complaints,
                config.access);
    read_routes(top.table("routes"), config.auth, complaints);
    if (config.hotkey && config.auth.signs_answers()) {
      top.complain("hotkey",
                   "has no secret, and answers are to be signed: give the wallet instead");
    }
    read_quota({top.table("quota"), "quota", complaints}, config.quota);
    read_dispatch({top.table("dispatch"), "dispatch", complaints}, config);
    read_stream({top.table("stream"), "stream", complaints}, config);
    read_compression({top.table("compression"), "compression", complaints}, config);
    read_log({top.table("log"), "log", complaints}, config);
    read_reload({top.table("reload"), "reload", complaints}, config.reload);
    read_plugins(top.table("plugins"), config, complaints);
    read_runs(top.table("run"), config, complaints);
  }
  if (auto status = complaints.status(); !status) return Unexpected(status.error());
  return config;
}

}  // namespace dojo::host
