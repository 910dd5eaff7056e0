#include "admin/ctl.hpp"

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
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <dojo/model.hpp>
#include <dojo/result.hpp>

#include "admin/control_line.hpp"
#include "config.hpp"
#include "net/descriptor.hpp"
#include "plugins/state_folder.hpp"

namespace dojo::admin {

/// A row of `plugins`, each cell as the host has it.
struct PluginRow {
  RawJson name{};
  RawJson version{};
  RawJson sha256{};
  RawJson state{};
  RawJson generation{};
  RawJson in_flight{};
  RawJson answered{};
  RawJson failed{};
  RawJson isolation{};
  RawJson pid{};
  RawJson file{};
  RawJson since{};
  RawJson reason{};
};
DOJO_MODEL(PluginRow, DOJO_DEFAULT(name), DOJO_DEFAULT(version), DOJO_DEFAULT(sha256),
           DOJO_DEFAULT(state), DOJO_DEFAULT(generation), DOJO_DEFAULT(in_flight),
           DOJO_DEFAULT(answered), DOJO_DEFAULT(failed), DOJO_DEFAULT(isolation), DOJO_DEFAULT(pid),
           DOJO_DEFAULT(file), DOJO_DEFAULT(since), DOJO_DEFAULT(reason))

namespace {

// Values of any kind, to be read as models are.
struct Rows {
  std::vector<PluginRow> value;
};
DOJO_MODEL(Rows, value)
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

/// For a terminal: what a plugin has put into a reason moves no cursor.
std::string printable(std::string text, std::string_view keep = "") {
  for (auto& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 || byte == 0x7f) && keep.find(c) == std::string_view::npos) c = '?';
  }
  return text;
}

/// A value as a person reads it: a text without quotes, "-" for none.
std::string shown(const RawJson& json) {
  if (json.text == "null") return "-";
  if (auto text = read_value<Text>(json.text)) return printable(std::move(text->value));
  return printable(json.text);
}

void complain(std::string_view text) {
  fmt::print(stderr, "dojo-host ctl: {}\n", text);
}

// ---- asking

/// An answer's JSON, or an exit code and the words for it.
struct Told {
  int exit_code = kDone;
  std::string text;
};

Told no_host(const std::filesystem::path& state) {
  return {kNoHost,
          fmt::format("no host runs with the state folder {}: is it --state that is wrong?",
                      state.string())};
}

Told failed(std::string_view what) {
  return {kRefused, fmt::format("{}: {}", what, plugins::why())};
}

/// A socket of somebody else's is not to be believed, nor told anything.
bool is_hosts(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (geteuid() == 0 || peer.uid == geteuid() || peer.uid == 0);
}

std::optional<Told> connect_to(const std::filesystem::path& state, int connection) {
  const net::Descriptor folder(open(state.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
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
  const net::Descriptor connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connection) return failed("socket");
  if (auto no = connect_to(state, connection.get())) return *no;
  const auto answered = exchange(connection.get(), *line + '\n');
  if (!answered || answered->empty()) {
    return {kRefused, "the host went away without an answer"};
  }
  auto answer = from_json<ControlAnswer>(*answered);
  if (!answer) return {kRefused, "the host's answer is none: " + answer.error().message};
  if (answer->error) return {kRefused, printable(*answer->error)};
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

int print_plugins(const std::string& json) {
  const auto rows = read_value<Rows>(json);
  if (!rows) {
    complain("the host's list of plugins is none: " + rows.error().message);
    return kRefused;
  }
  if (rows->value.empty()) {
    fmt::print("no plugins\n");
    return kDone;
  }
  std::vector<Line> lines{{"NAME", "VERSION", "SHA256", "STATE", "GEN", "IN FLIGHT", "ANSWERED",
                           "FAILED", "ISOLATION", "PID", "SINCE", "FILE", "REASON"}};
  for (const auto& row : rows->value) {
    lines.push_back({shown(row.name), shown(row.version), shown(row.sha256).substr(0, 12),
                     shown(row.state), shown(row.generation), shown(row.in_flight),
                     shown(row.answered), shown(row.failed), shown(row.isolation), shown(row.pid),
                     shown(row.since), shown(row.file), shown(row.reason)});
  }
  print_table(lines);
  return kDone;
}

int print_any(const std::string& json) {
  if (const auto text = read_value<Text>(json)) {
    const auto clean = printable(text->value, "\n\t");
    fmt::print("{}{}", clean, clean.ends_with('\n') ? "" : "\n");
  } else if (const auto fields = read_value<Fields>(json)) {
    for (const auto& [name, value] : fields->value) {
      fmt::print("{}: {}\n", printable(name), shown(value));
    }
  } else {
    fmt::print("{}\n", json == "null" ? "done" : printable(json));
  }
  return kDone;
}

struct Arguments {
  std::string state;
  std::string name;
  bool json = false;
};

void describe(CLI::App& app, Arguments& arguments) {
  app.require_subcommand(1);
  app.fallthrough();  // --json may stand at the end, too
  app.add_option("--state", arguments.state,
                 "the host's state folder; default: ~/.local/state/dojo-host")
      ->type_name("DIR");
  app.add_flag("--json", arguments.json, "print the host's answer as it is");
  app.add_subcommand("plugins", "what is loaded, and what is kept out and why");
  for (const auto& [command, what] :
       {std::pair{"reload", "load a plugin's file anew, also one that was refused before"},
        std::pair{"rollback", "go back to the version before"},
        std::pair{"unload", "stop serving a plugin"}}) {
    app.add_subcommand(command, what)
        ->add_option("NAME", arguments.name, "the plugin's name")
        ->required();
  }
  app.add_subcommand("drain", "answer what is under way, refuse what comes, and end");
  app.add_subcommand("reload-config", "read the config file anew");
  app.add_subcommand("metrics", "counters and histograms, as Prometheus reads them");
  app.footer(
      "Exit codes: 0 done, 1 refused or failed (the host says why), 2 wrong usage, 3 no host runs "
      "there.");
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
  ControlRequest request{app.get_subcommands().front()->get_name()};
  if (!arguments.name.empty()) request.arguments.push_back(arguments.name);
  const auto state = arguments.state.empty() ? host::default_config().state_dir
                                             : std::filesystem::path(arguments.state);
  const auto told = ask(state, request);
  if (told.exit_code != kDone) {
    complain(told.text);
    return told.exit_code;
  }
  if (arguments.json) {
    fmt::print("{}\n", told.text);
    return kDone;
  }
  return request.command == "plugins" ? print_plugins(told.text) : print_any(told.text);
}

}  // namespace dojo::admin
