#include "control/ctl.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <dojo/model.hpp>
#include <dojo/result.hpp>

#include "base/descriptor.hpp"
#include "base/files.hpp"
#include "config/config.hpp"
#include "control/control_line.hpp"
#include "text/terminal.hpp"

namespace dojo::control {

namespace {

// Values of any kind, to be read as models are.
struct Rows {
  std::vector<std::map<std::string, RawJson>> value;
};
DOJO_MODEL(Rows, value)
struct Texts {
  std::vector<std::string> value;
};
DOJO_MODEL(Texts, value)
struct Text {
  std::string value;
};
DOJO_MODEL(Text, value)
struct Fields {
  std::map<std::string, RawJson> value;
};
DOJO_MODEL(Fields, value)

template <Model T>
Result<T> read_value(const std::string& json) {
  return from_json<T>(R"({"value":)" + json + '}');
}

/// A value as a person reads it: a text without quotes, a list of them with commas, "-" for none.
std::string shown(const RawJson& json) {
  if (json.text == "null") return "-";
  if (auto text = read_value<Text>(json.text)) return text::escaped(text->value);
  if (const auto texts = read_value<Texts>(json.text)) {
    return texts->value.empty() ? "-"
                                : text::escaped(fmt::format("{}", fmt::join(texts->value, ",")));
  }
  return text::escaped(json.text);
}

void complain(std::string_view text) {
  fmt::print(stderr, "dojo-host ctl: {}\n", text::escaped(text));
}

// ---- asking

/// An answer's JSON, or an exit code and the words for it.
struct Told {
  int exit_code = kDone;
  std::string text;
};

Told no_host(const std::filesystem::path& state) {
  return {kNoHost,
          fmt::format("no host runs with the state folder {}: give the host's --config, or --state",
                      state.string())};
}

Told failed(std::string_view what) {
  return {kRefused, fmt::format("{}: {}", what, base::why())};
}

/// A socket of somebody else's is not to be believed, nor told anything.
bool is_hosts(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (geteuid() == 0 || peer.uid == geteuid() || peer.uid == 0);
}

std::optional<Told> connect_to(const std::filesystem::path& state, int connection) {
  const base::Descriptor folder(open(state.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return errno == ENOENT ? no_host(state) : failed(state.string());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format_to_n(&address.sun_path[0], sizeof address.sun_path - 1, "/proc/self/fd/{}/{}",
                   folder.get(), kControlName);
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const bool gone = errno == ENOENT || errno == ECONNREFUSED;
    return gone ? no_host(state) : failed((state / kControlName).string());
  }
  if (is_hosts(connection)) return std::nullopt;
  return Told{kRefused,
              fmt::format("{} is another user's socket", (state / kControlName).string())};
}

/// All of the answer, however long its command takes.
std::optional<std::string> exchange(int connection, std::string_view line) {
  while (!line.empty()) {
    const auto sent = send(connection, line.data(), line.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) break;  // it did not wait for the end: it says why
    if (sent > 0) line.remove_prefix(static_cast<std::size_t>(sent));
  }
  std::string answer;
  std::array<char, 16'384> buffer{};
  for (;;) {
    const auto got = read(connection, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Told ask(const std::filesystem::path& state, const ControlRequest& request) {
  const auto line = to_json(request);
  if (!line) return {kCtlUsage, line.error().message};
  const base::Descriptor connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connection) return failed("socket");
  if (auto no = connect_to(state, connection.get())) return *no;
  const auto answered = exchange(connection.get(), *line + '\n');
  if (!answered || answered->empty()) {
    return {kRefused, "the host went away without an answer"};
  }
  auto answer = from_json<ControlAnswer>(*answered);
  if (!answer) return {kRefused, "the host's answer is none: " + answer.error().message};
  if (answer->error) return {kRefused, *answer->error};
  return {kDone, std::move(answer->result.text)};
}

// ---- showing

using Line = std::vector<std::string>;

/// Columns as wide as they need to be; the last one as long as it is.
void print_table(const std::vector<Line>& lines) {
  std::vector<std::size_t> widths(lines.front().size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i)
      text += fmt::format("{:<{}}  ", line[i], widths[i]);
    text.erase(text.find_last_not_of(' ') + 1);
    fmt::print("{}\n", text);
  }
}

/// What a command's rows are shown as: a heading and the field below it.
struct Column {
  const char* heading;
  const char* field;
  std::size_t longest = std::string::npos;
};
struct TableForm {
  const char* command;
  const char* when_empty;
  std::vector<Column> columns;
};

const std::vector<TableForm>& table_forms() {
  static const std::vector<TableForm> kForms{{"plugins",
                                              "no plugins",
                                              {{"NAME", "name"},
                                               {"VERSION", "version"},
                                               {"SHA256", "sha256", 12},
                                               {"STATE", "state"},
                                               {"GEN", "generation"},
                                               {"IN FLIGHT", "in_flight"},
                                               {"ANSWERED", "answered"},
                                               {"FAILED", "failed"},
                                               {"ISOLATION", "isolation"},
                                               {"PID", "pid"},
                                               {"SINCE", "since"},
                                               {"FILE", "file"},
                                               {"REASON", "reason"}}},
                                             {"rules",
                                              "no rules",
                                              {{"NAME", "name"},
                                               {"ACTION", "action"},
                                               {"DRY RUN", "dry_run"},
                                               {"MATCHED", "matched"},
                                               {"UNTIL", "until"},
                                               {"ROUTES", "routes"},
                                               {"WHO", "who"},
                                               {"NOTE", "note"}}},
                                             {"why",
                                              "nothing was refused",
                                              {{"COUNT", "count"},
                                               {"CODE", "code"},
                                               {"RULE", "rule"},
                                               {"ROUTE", "route"},
                                               {"FIRST", "first"},
                                               {"LAST", "last"},
                                               {"REASON", "reason"}}}};
  return kForms;
}

int print_rows(const TableForm& form, const std::string& json) {
  const auto rows = read_value<Rows>(json);
  if (!rows) {
    complain("the host's answer is no list: " + rows.error().message);
    return kRefused;
  }
  if (rows->value.empty()) {
    fmt::print("{}\n", form.when_empty);
    return kDone;
  }
  std::vector<Line> lines(1);
  for (const auto& column : form.columns) lines[0].emplace_back(column.heading);
  for (const auto& row : rows->value) {
    auto& line = lines.emplace_back();
    for (const auto& column : form.columns) {
      const auto cell = row.find(column.field);
      line.push_back(shown(cell == row.end() ? RawJson{} : cell->second).substr(0, column.longest));
    }
  }
  print_table(lines);
  return kDone;
}

int print_any(const std::string& json) {
  if (const auto text = read_value<Text>(json)) {
    const auto clean = text::escaped(text->value, "\n\t");
    fmt::print("{}{}", clean, clean.ends_with('\n') ? "" : "\n");
  } else if (const auto fields = read_value<Fields>(json)) {
    for (const auto& [name, value] : fields->value) {
      fmt::print("{}: {}\n", text::escaped(name), shown(value));
    }
  } else {
    fmt::print("{}\n", json == "null" ? "done" : text::escaped(json));
  }
  return kDone;
}

struct Arguments {
  std::string state;
  std::string config;
  bool json = false;
  std::vector<std::string> positional;  // of the command
  std::string time;
  std::vector<std::string> routes;
  std::string note;
  bool dry_run = false;
  bool refresh = false;
};

void describe_plugins(CLI::App& app, Arguments& arguments) {
  app.add_subcommand("plugins", "what is loaded, and what is kept out and why");
  for (const auto& [command, what] :
       {std::pair{"reload", "load a plugin's file anew, also one that was refused before"},
        std::pair{"rollback", "go back to the version before"},
        std::pair{"unload", "stop serving a plugin"}}) {
    app.add_subcommand(command, what)
        ->add_option("NAME", arguments.positional, "the plugin's name")
        ->expected(1)
        ->required();
  }
}

void describe_rules(CLI::App& app, Arguments& arguments) {
  app.add_subcommand("rules", "who may call: all rules, in the order in which they are asked");
  for (const auto& [command, what] :
       {std::pair{"allow", "let someone in, whatever the other rules say"},
        std::pair{"deny", "keep someone out, until `remove`"},
        std::pair{"ban", "keep someone out for a time; --for is required"}}) {
    auto* sub = app.add_subcommand(command, what);
    sub->add_option("WHO", arguments.positional,
                    "a hotkey, an address, a CIDR block, coldkey:<SS58> or uid:<number>")
        ->expected(1)
        ->required();
    auto* time =
        sub->add_option("--for", arguments.time, "how long: 90s, 10m, 1h, 7d")->type_name("TIME");
    if (std::string_view(command) == "ban") time->required();
    sub->add_option("--route", arguments.routes, "only on this route; may be given again");
    sub->add_option("--note", arguments.note, "why, for yourself");
    sub->add_flag("--dry-run", arguments.dry_run, "only count whom it would match");
  }
  app.add_subcommand("remove", "take back a rule that was made here")
      ->add_option("RULE", arguments.positional, "its name, such as ctl-3")
      ->expected(1)
      ->required();
}

void describe_callers(CLI::App& app, Arguments& arguments) {
  auto* why = app.add_subcommand("why", "why a caller was refused of late");
  why->add_option("WHO", arguments.positional, "a hotkey or an address")->expected(1)->required();
  why->add_option("--last", arguments.time, "how far back, up to 24h; default 1h")
      ->type_name("TIME");
  app.add_subcommand("test", "what would happen to a caller now")
      ->add_option("HOTKEY IP ROUTE", arguments.positional, "who, from where, for which model")
      ->expected(3)
      ->required();
  app.add_subcommand("metagraph", "how old it is, and what went wrong with it")
      ->add_flag("--refresh", arguments.refresh, "read it now");
}

void describe(CLI::App& app, Arguments& arguments) {
  app.require_subcommand(1);
  app.fallthrough();  // --json may stand at the end, too
  app.add_option("--state", arguments.state,
                 "the host's state folder; default: what --config says, or "
                 "~/.local/state/dojo-host")
      ->type_name("DIR");
  app.add_option("--config", arguments.config, "the host's config, for its state_dir")
      ->type_name("FILE");
  app.add_flag("--json", arguments.json, "print the host's answer as it is");
  describe_plugins(app, arguments);
  describe_rules(app, arguments);
  describe_callers(app, arguments);
  app.add_subcommand("drain", "answer what is under way, refuse what comes, and end");
  app.add_subcommand("reload-config", "read the config file anew");
  app.add_subcommand("metrics", "counters and histograms, as Prometheus reads them");
  app.footer(
      "Exit codes: 0 done, 1 refused or failed (the host says why; test: the caller would be "
      "refused), 2 wrong usage, 3 no host runs there.");
}

/// Where the host is that is asked: as the host itself would have it.
Result<std::filesystem::path> state_of(const Arguments& arguments) {
  if (!arguments.state.empty()) return std::filesystem::path(arguments.state);
  if (!arguments.config.empty()) return host::state_dir_of(arguments.config);
  return host::default_config().state_dir;
}

/// `test` asks a question that may be answered with no.
int exit_of(const std::string& command, const std::string& json) {
  if (command != "test") return kDone;
  const auto fields = read_value<Fields>(json);
  if (!fields) return kRefused;
  const auto code = fields->value.find("code");
  return code != fields->value.end() && shown(code->second) == "ok" ? kDone : kRefused;
}

/// What goes over the socket.
ControlRequest request_of(const std::string& command, const Arguments& arguments) {
  ControlRequest request{command, arguments.positional};
  if (command == "why") {
    if (!arguments.time.empty()) request.arguments.push_back(arguments.time);
    return request;
  }
  if (!arguments.time.empty()) request.arguments.push_back("for=" + arguments.time);
  for (const auto& route : arguments.routes) request.arguments.push_back("route=" + route);
  if (!arguments.note.empty()) request.arguments.push_back("note=" + arguments.note);
  if (arguments.dry_run) request.arguments.emplace_back("dry-run");
  if (arguments.refresh) request.arguments.emplace_back("refresh");
  return request;
}

int print_answer(const std::string& command, const std::string& json) {
  const auto form = std::ranges::find_if(
      table_forms(), [&](const TableForm& one) { return command == one.command; });
  return form == table_forms().end() ? print_any(json) : print_rows(*form, json);
}

}  // namespace

int ctl(int argc, char** argv) {
  CLI::App app("Asks a running dojo-host, on this machine and as its user or root",
               "dojo-host ctl");
  Arguments arguments;
  describe(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kCtlUsage;
  }
  const auto request = request_of(app.get_subcommands().front()->get_name(), arguments);
  const auto state = state_of(arguments);
  if (!state) {
    complain(state.error().message);
    return kCtlUsage;
  }
  const auto told = ask(*state, request);
  if (told.exit_code != kDone) {
    complain(told.text);
    return told.exit_code;
  }
  if (arguments.json) {
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    fmt::print("{}\n", terminal ? text::escaped_json(told.text) : told.text);
    return exit_of(request.command, told.text);
  }
  const int printed = print_answer(request.command, told.text);
  return printed == kDone ? exit_of(request.command, told.text) : printed;
}

}  // namespace dojo::control
