#include "control/commands.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <dojo/model.hpp>

#include "control/access_commands.hpp"
#include "control/control_line.hpp"

namespace dojo::host {
namespace {

/// plugins::PluginRow as it is told.
struct PluginStatus {
  std::string name;
  std::string version;
  std::string sha256;
  std::string state;
  std::optional<std::uint64_t> generation;
  std::uint64_t in_flight = 0;
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;
  std::string isolation;
  std::optional<std::int64_t> pid;
  std::string file;
  std::optional<std::string> since;  // RFC 3339
  std::string reason;
};
DOJO_MODEL(PluginStatus, name, version, sha256, state, generation, in_flight, answered, failed,
           isolation, pid, file, since, reason)

Result<std::string> list(const plugins::Reloader& reloader) {
  std::string all;
  for (auto& row : reloader.list()) {
    PluginStatus status{std::move(row.name),      std::move(row.version),
                        std::move(row.sha256),    std::move(row.state),
                        row.generation,           row.tally.in_flight,
                        row.tally.answered,       row.tally.failed,
                        std::move(row.isolation), row.pid,
                        std::move(row.file),      std::nullopt,
                        std::move(row.reason)};
    if (row.since) {
      const auto seconds = std::chrono::system_clock::to_time_t(*row.since);
      status.since = fmt::format("{:%FT%TZ}", fmt::gmtime(seconds));
    }
    auto json = to_json(status);
    if (!json) return json;
    all += (all.empty() ? "" : ",") + *json;
  }
  return '[' + all + ']';
}

Result<std::string> done(const Status& status, const std::string& what) {
  if (!status) return Unexpected(status.error());
  return control::json_text(what);
}

// Fewer than the control socket has threads: one is left for who asks what takes so long.
constexpr std::ptrdiff_t kSlowAtOnce = 3;

/// A command that runs a plugin's code, and may take as long as that does.
control::Command slow(control::Command command) {
  static std::counting_semaphore<kSlowAtOnce> places(kSlowAtOnce);
  return [command = std::move(command)](
             const std::vector<std::string>& arguments) -> Result<std::string> {
    if (!places.try_acquire()) {
      return fail(
          fmt::format("{} other commands are being carried out: try again when one of them "
                      "is done",
                      kSlowAtOnce));
    }
    const std::unique_ptr<std::counting_semaphore<kSlowAtOnce>, void (*)(decltype(&places))> place(
        &places, [](decltype(&places) taken) { taken->release(); });
    return command(arguments);
  };
}

/// A command about one plugin.
template <class Act>
control::Command about(const char* past, Act act) {
  return slow([past, act](const std::vector<std::string>& arguments) -> Result<std::string> {
    if (arguments.size() != 1) return fail("name one plugin");
    return done(act(arguments[0]), fmt::format("{} is {}", arguments[0], past));
  });
}

}  // namespace

control::Commands make_commands(Server& server, std::function<Result<std::string>()> reload_config,
                                std::function<void()> drain) {
  auto& reloader = server.plugins();
  control::Commands commands;
  commands["plugins"] = [&](const auto&) { return list(reloader); };
  commands["reload"] = about("reloaded", [&](const auto& name) { return reloader.reload(name); });
  commands["rollback"] =
      about("rolled back", [&](const auto& name) { return reloader.rollback(name); });
  commands["unload"] = about("unloaded", [&](const auto& name) { return reloader.unload(name); });
  commands["drain"] = [drain = std::move(drain)](const auto&) {
    drain();
    return done({}, "the host drains, and ends then");
  };
  commands["reload-config"] = [reload =
                                   std::move(reload_config)](const auto&) -> Result<std::string> {
    auto changes = reload();
    if (!changes) return changes;
    return control::json_text(*changes);
  };
  commands["metrics"] = [&](const auto&) -> Result<std::string> {
    return control::json_text(server.metrics().text());
  };
  add_access_commands(commands, server);
  return commands;
}

}  // namespace dojo::host
