#include "config.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <dojo/wire/ss58.hpp>

namespace dojo::host {
namespace {

namespace fs = std::filesystem;

/// What is wrong with the file, with where it is.
class Complaints {
 public:
  explicit Complaints(std::string file) : file_(std::move(file)) {}
  [[nodiscard]] std::string place(const toml::source_region& where) const {
    return fmt::format("{}:{}", file_, where.begin.line);
  }
  void add(const toml::node& node, std::string_view text) { add(node.source(), text); }
  void add(const toml::source_region& where, std::string_view text) {
    found_.emplace(where.begin.line, fmt::format("{}: {}", place(where), text));
  }
  [[nodiscard]] Status status() const {
    if (found_.empty()) return {};
    std::string text;
    for (const auto& [line, complaint] : found_) text += (text.empty() ? "" : "\n") + complaint;
    return fail(text);
  }

 private:
  std::string file_;
  std::multimap<toml::source_index, std::string> found_;  // by line
};

/// Reads one table; what is left unread in the end is an unknown key.
class Table {
 public:
  Table(const toml::table* table, std::string name, Complaints& complaints)
      : table_(table), name_(std::move(name)), complaints_(complaints) {}
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  ~Table() {
    if (table_ == nullptr) return;
    for (const auto& [key, node] : *table_) {
      if (known_.contains(key.str())) continue;
      complaints_.add(key.source(), fmt::format("there is no key {}; keys here are: {}",
                                                full(key.str()), fmt::join(known_, ", ")));
    }
  }

  template <class T>
  void integer(std::string_view key, T& out, std::int64_t least,
               std::int64_t most = std::numeric_limits<std::int64_t>::max()) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto value = node->is_integer() ? node->value<std::int64_t>() : std::nullopt;
    if (value && *value >= least && *value <= most) {
      out = static_cast<T>(*value);
      return;
    }
    const auto range = most == std::numeric_limits<std::int64_t>::max()
                           ? fmt::format("of {} or more", least)
                           : fmt::format("from {} to {}", least, most);
    complaints_.add(*node, fmt::format("{} must be an integer {}", full(key), range));
  }
  template <class Rep, class Period>
  void duration(std::string_view key, std::chrono::duration<Rep, Period>& out, std::int64_t least,
                std::int64_t most = 1'000'000'000) {
    std::int64_t count = out.count();
    integer(key, count, least, most);
    out = std::chrono::duration<Rep, Period>(count);
  }
  void boolean(std::string_view key, bool& out) {
    const auto* node = find(key);
    if (node == nullptr) return;
    if (const auto value = node->is_boolean() ? node->value<bool>() : std::nullopt) {
      out = *value;
    } else {
      complaints_.add(*node, fmt::format("{} must be true or false", full(key)));
    }
  }
  /// @param take given the text, returns what is wrong with it
  template <class Take>
  void string(std::string_view key, const Take& take) {
    if (const auto* node = find(key)) take_string(*node, full(key), take);
  }
  template <class Take>
  void strings(std::string_view key, Take take, bool may_be_empty = true) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto* array = node->as_array();
    if (array != nullptr && array->empty() && !may_be_empty) {
      complaints_.add(*node, fmt::format("{} must not be empty", full(key)));
    }
    if (array == nullptr) {
      complaints_.add(*node, fmt::format("{} must be a list of strings", full(key)));
      return;
    }
    for (std::size_t i = 0; i < array->size(); ++i) {
      take_string((*array)[i], fmt::format("{}[{}]", full(key), i), take);
    }
  }
  const toml::table* table(std::string_view key) {
    const auto* node = find(key);
    if (node == nullptr) return nullptr;
    if (!node->is_table())
      complaints_.add(*node, fmt::format("{} must be a table: [{}]", full(key), full(key)));
    return node->as_table();
  }

 private:
  const toml::node* find(std::string_view key) {
    known_.emplace(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  template <class Take>
  void take_string(const toml::node& node, const std::string& what, const Take& take) {
    const auto value = node.is_string() ? node.value<std::string>() : std::nullopt;
    if (!value) {
      complaints_.add(node, fmt::format("{} must be a string", what));
    } else if (const Status status = take(*value); !status) {
      complaints_.add(node, fmt::format("{}: {}", what, status.error().message));
    }
  }
  [[nodiscard]] std::string full(std::string_view key) const {
    return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
  }

  const toml::table* table_;
  std::string name_;
  Complaints& complaints_;
  std::set<std::string, std::less<>> known_;
};

fs::path home() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? fs::path() : fs::path(home);
}

auto path_into(fs::path& out, const fs::path& folder) {
  return [&out, folder](const std::string& text) -> Status {
    if (text.empty()) return fail("an empty path; leave the key out for the default");
    out = folder / expand_home(text);  // an absolute path replaces the folder
    return {};
  };
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

void read_auth(Table table, pipeline::AuthOptions& auth) {
  bool given = false;
  const auto take = [&](const std::string& text) -> Status {
    if (!std::exchange(given, true)) auth.accept_legacy = auth.accept_dojo1 = false;
    const auto dialect = wire::parse_dialect(text);
    if (!dialect)
      return fail(
          fmt::format("there is no dialect \"{}\"; there are \"legacy\" and \"dojo/1\"", text));
    (*dialect == wire::Dialect::legacy ? auth.accept_legacy : auth.accept_dojo1) = true;
    return {};
  };
  table.strings("dialects", take, false);
  table.boolean("any_receiver", auth.any_receiver);
  table.duration("window_ms", auth.window, 100, 600'000);
  table.integer("replay_entries", auth.replay_entries, 16);
  table.duration("legacy_memory_h", auth.legacy_memory, 1, std::int64_t{24} * 365);
  table.integer("legacy_entries", auth.legacy_entries, 16);
}

void read_access(Table table, pipeline::AuthOptions& auth) {
  table.strings("deny", [&](const std::string& text) -> Status {
    const auto address = wire::decode_ss58(text);
    if (!address) return fail("no hotkey: " + address.error().message);
    auth.deny.insert(address->key);
    return {};
  });
}

void read_dispatch(Table table, Config& config) {
  auto& dispatch = config.dispatch;
  table.integer("workers", config.reload.workers, 0, 1024);
  table.integer("queue", dispatch.queue, 1, 1 << 24);
  table.integer("in_flight", dispatch.in_flight, 1, 1 << 24);
  table.duration("deadline_ms", dispatch.deadline, 1);
  table.duration("drain_ms", config.drain, 0);
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
    const auto log = Log::open(text, LogFormat::text);
    return log ? Status() : tl::unexpected(log.error());
  });
  table.string("format", [&](const std::string& text) -> Status {
    if (text != "text" && text != "json") return fail("must be \"text\" or \"json\"");
    config.log_format = text == "json" ? LogFormat::json : LogFormat::text;
    return {};
  });
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
  std::uint64_t mib = reload.probe_memory >> 20;
  table.integer("probe_memory_mb", mib, 0, 1 << 24);
  reload.probe_memory = mib << 20;
  table.duration("start_ms", reload.start, 10);
  table.duration("drain_ms", reload.drain, 0);
  table.duration("grace_ms", reload.grace, 0);
  table.duration("stop_ms", reload.stop, 10);
  table.duration("probation_s", reload.probation, 0);
  table.integer("probation_requests", reload.probation_requests, 1, 1 << 30);
  table.integer("probation_failures_percent", reload.probation_failures, 1, 101);
  table.duration("health_s", reload.health, 1);
}

/// One of some words.
template <class Value>
auto word_into(Value& out, std::initializer_list<std::pair<const char*, Value>> words) {
  return [&out, words = std::vector(words)](const std::string& text) -> Status {
    std::string known;
    for (const auto& [word, value] : words) {
      if (text == word) {
        out = value;
        return {};
      }
      known += fmt::format("{}\"{}\"", known.empty() ? "" : " or ", word);
    }
    return fail("must be " + known);
  };
}

void read_run(Table table, plugins::RunOptions& run) {
  table.integer("workers", run.workers, 0, 1024);
  table.string("isolation", word_into(run.isolation, {{"thread", plugins::Isolation::thread},
                                                      {"process", plugins::Isolation::process}}));
  table.string("reload",
               word_into(run.replacement, {{"swap", plugins::Replacement::swap},
                                           {"exclusive", plugins::Replacement::exclusive}}));
  std::uint64_t mib = run.memory >> 20;
  table.integer("memory_mb", mib, 0, 1 << 24);
  run.memory = mib << 20;
  table.integer("cpu_s", run.cpu, 0, 1'000'000'000);
  table.integer("open_files", run.files, 0, 1 << 20);
  table.boolean("seccomp", run.seccomp);
  table.duration("restart_most_ms", run.restart_most, 10);
}

void read_runs(const toml::table* runs, Config& config, Complaints& complaints) {
  if (runs == nullptr) return;
  for (const auto& [name, node] : *runs) {
    const auto full = fmt::format("run.{}", name.str());
    if (const auto* table = node.as_table()) {
      read_run({table, full, complaints}, config.plugins[std::string(name.str())].run);
    } else {
      complaints.add(node, fmt::format("{} must be a table: [{}]", full, full));
    }
  }
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
  std::error_code error;
  if (fs::is_directory(file, error)) {
    return fail(fmt::format("{}: cannot be read: it is a folder", file.string()));
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(fmt::format("{}: cannot be read: {}", file.string(), std::strerror(errno)));
  std::ostringstream text;
  text << in.rdbuf();
  auto config = parse_config(text.str(), file.string(), fs::absolute(file, error).parent_path());
  if (config) config->file = file;
  return config;
}

Result<Config> parse_config(std::string_view text, const std::string& name,
                            const fs::path& folder) {
  toml::table root;
  try {
    root = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return fail(fmt::format("{}:{}: {}", name, error.source().begin.line, error.description()));
  }
  auto config = default_config();
  Complaints complaints(name);
  {
    Table top(&root, "", complaints);
    top.string("listen", [&](const std::string& value) { return set_listen(config.http, value); });
    top.string("plugins_dir", path_into(config.plugins_dir, folder));
    top.string("state_dir", path_into(config.state_dir, folder));
    top.string("wallet", path_into(config.wallet, folder));
    read_http({top.table("http"), "http", complaints}, config.http);
    read_auth({top.table("auth"), "auth", complaints}, config.auth);
    read_access({top.table("access"), "access", complaints}, config.auth);
    read_dispatch({top.table("dispatch"), "dispatch", complaints}, config);
    read_compression({top.table("compression"), "compression", complaints}, config);
    read_log({top.table("log"), "log", complaints}, config);
    read_reload({top.table("reload"), "reload", complaints}, config.reload);
    read_plugins(top.table("plugins"), config, complaints);
    read_runs(top.table("run"), config, complaints);
  }
  if (auto status = complaints.status(); !status) return tl::unexpected(status.error());
  return config;
}

}  // namespace dojo::host
