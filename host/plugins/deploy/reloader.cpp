#include "plugins/deploy/reloader.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/threads.hpp"
#include "plugins/deploy/libraries.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{200};

}  // namespace

Result<std::unique_ptr<Reloader>> Reloader::open(Options options, SettingsOf settings_of,
                                                 Roster& roster, Services& services,
                                                 const base::Log& log) {
  auto staging = Staging::open(options.state);
  if (!staging) return Unexpected(staging.error());
  std::vector<std::string> remarks;
  auto store = Store::open(options.state, remarks);
  if (!store) return Unexpected(store.error());
  for (const auto& remark : remarks) log.warning(remark);
  return std::unique_ptr<Reloader>(new Reloader(std::move(options), std::move(settings_of), roster,
                                                services, log, std::move(*staging),
                                                std::move(*store)));
}

Reloader::Reloader(Options options, SettingsOf settings_of, Roster& roster, Services& services,
                   const base::Log& log, Staging staging, Store store)
    : options_(std::move(options)),
      roster_(roster),
      log_(log),
      deployer_(options_.worker, options_.reload, std::move(settings_of), roster, services, log,
                std::move(staging), std::move(store)) {}

Reloader::~Reloader() {
  (void)stop();
  if (watch_.joinable()) watch_.join();  // what it loads does not come back in time
}

// ---- the folder

void Reloader::load_all() {
  const auto files = folder_.take_present();
  std::error_code error;
  if (!fs::is_directory(options_.folder, error)) {
    log_.error("the plugins folder cannot be read", {{"folder", options_.folder.string()}});
  } else if (files.empty()) {
    log_.warning("the plugins folder holds no .so file", {{"folder", options_.folder.string()}});
  }
  const std::lock_guard work(turns_.mutex());
  for (const auto& file : files) {
    if (!turns_.closed()) take_up(file);
  }
}

void Reloader::start() {
  auto thread = threads::start([this] { watch(); });
  if (!thread) throw std::runtime_error(thread.error().message);
  watch_ = std::move(*thread);
}

void Reloader::watch() {
  auto next_retry = steady_clock::now() + options_.reload.rescan;
  const auto failed = [this](const char* why) {
    log_.error("the plugins folder cannot be looked after for now", {{"reason", why}});
    std::this_thread::sleep_for(kTick);
  };
  while (!turns_.closed()) {
    threads::guard([this] { look_round(folder_.wait(steady_clock::now() + kTick)); }, failed);
    if (steady_clock::now() < next_retry) continue;
    threads::guard([this] { reaper_.retry(); }, failed);
    next_retry = steady_clock::now() + options_.reload.rescan;
  }
}

void Reloader::look_round(const std::vector<fs::path>& changed) {
  const std::lock_guard work(turns_.mutex());
  for (const auto& note : folder_.take_notes()) log_.warning(note);
  errands_.clear();
  for (const auto& file : changed) {
    if (!turns_.closed()) errands_.send(file, [this, file] { take_up(file); });
  }
  if (turns_.closed()) return;
  for (const auto& candidate : waiting_.take_due())
    errands_.send(candidate.source, [this, candidate] { take_up(candidate); });
  end_probations();
  ask_health();
}

void Reloader::take_up(const fs::path& source) {
  if (!is_brought_by_another(source)) take_up(Candidate{source, source});
}

void Reloader::take_up(Candidate candidate) {
  const auto status = deployer_.deploy(candidate);
  if (status || turns_.closed()) return;
  if (Staging::is_changing(status.error())) return;
  if (!candidate.lacking) {
    log_.error("plugin refused",
               {{"file", candidate.source.string()}, {"reason", status.error().message}});
  }
  if (!candidate.contends) deployer_.fall_back(candidate);
}

/// A library that lies beside the plugin that brings it is no plugin.
bool Reloader::is_brought_by_another(const fs::path& source) const {
  const auto files = folder_.present();
  return std::ranges::any_of(files, [&](const fs::path& file) {
    if (file == source) return false;
    std::error_code error;
    return std::ranges::any_of(find_brought(file), [&](const BroughtLibrary& library) {
      return fs::equivalent(library.file, source, error);
    });
  });
}

// ---- what serves

void Reloader::end_probations() {
  const auto now = steady_clock::now();
  for (const auto& row : plugins_.all()) {
    const auto& name = row.first;
    const auto& plugin = row.second;
    if (!plugin.serves() || !plugin.on_probation || errands_.has(plugin.source) ||
        turns_.taken(name)) {
      continue;
    }
    const auto failure =
        deployer_.probation().failure(*plugin.active.generation, plugin.failed_before);
    if (!failure && now < plugin.probation_end) continue;
    plugins_.end_probation(name);
    if (failure) {
      errands_.send(plugin.source,
                    [this, &name, &plugin, failure] { roll_back(name, plugin, *failure); });
    } else {
      log_.info("plugin has passed its probation", {{"plugin", name}});
      reputation_.keep_good(plugin.active);
    }
  }
}

void Reloader::roll_back(const std::string& name, const Plugin& plugin, const std::string& reason) {
  const Turns::Turn turn(turns_, name);
  if (!plugin.serves()) return;
  log_.error("plugin is rolled back", {{"plugin", name}, {"reason", reason}});
  if (const auto status = deployer_.go_back(plugin, reason); !status) {
    log_.error("plugin is left as it is", {{"plugin", name}, {"reason", status.error().message}});
  }
}

void Reloader::ask_health() {
  const auto now = steady_clock::now();
  for (const auto& [name, plugin] : plugins_.all()) {
    if (!plugin.serves() || now < plugin.next_health) continue;
    const auto status = plugin.active.generation->ask_health();
    if (!status) continue;  // it has not come back yet
    auto why = *status ? std::string() : status->error().message;
    if (why.empty() && !plugin.unhealthy.empty()) {
      log_.info("plugin is well again", {{"plugin", name}});
    } else if (why != plugin.unhealthy) {
      log_.warning("plugin is unwell", {{"plugin", name}, {"reason", why}});
    }
    plugins_.set_health(name, std::move(why), steady_clock::now() + options_.reload.health);
  }
}

// ---- the operator

Status Reloader::reload(std::string_view name) {
  const std::lock_guard work(turns_.mutex());
  if (turns_.closed()) return fail(kStopping);
  const auto source = source_of(name);
  if (!source) {
    return fail(
        fmt::format("there is no plugin and no file \"{}\" in {}", name, options_.folder.string()));
  }
  Candidate candidate{*source, *source, true};
  return deployer_.deploy(candidate);
}

Status Reloader::rollback(std::string_view name) {
  const std::lock_guard work(turns_.mutex());
  const Turns::Turn turn(turns_, name);
  if (turns_.closed()) return fail(kStopping);
  const auto plugin = plugins_.find_serving(name);
  if (!plugin) return Unexpected(plugin.error());
  return deployer_.go_back(**plugin, "rolled back by the operator");
}

Status Reloader::unload(std::string_view name) {
  const std::lock_guard work(turns_.mutex());
  const Turns::Turn turn(turns_, name);
  if (turns_.closed()) return fail(kStopping);
  const auto plugin = plugins_.find_serving(name);
  if (!plugin) return Unexpected(plugin.error());
  reputation_.quarantine(**plugin, "unloaded by the operator");
  log_.info("plugin is unloaded", {{"plugin", name}});
  deployer_.unload(std::string(name));
  return {};
}

/// Acts for each plugin that serves with other settings than these. @return a line for each that
/// fails
template <class Act>
Status Reloader::for_changed(const SettingsOf& settings_of, Act act) {
  std::string complaints;
  for (const auto& [name, plugin] : plugins_.all()) {
    if (!plugin.serves() || settings_of(name) == plugin.settings) continue;
    if (const Status status = act(plugin); !status) {
      complaints += fmt::format("{}plugin {} {}", complaints.empty() ? "" : "\n", name,
                                status.error().message);
    }
  }
  return complaints.empty() ? Status() : fail(complaints);
}

Status Reloader::apply(const SettingsOf& settings_of) {
  const std::lock_guard work(turns_.mutex());
  if (turns_.closed()) return fail(kStopping);
  deployer_.apply(settings_of);
  auto status = for_changed(settings_of, [this](const Plugin& plugin) -> Status {
    const auto& copied = plugin.active.staged->source();
    Candidate candidate{copied.file, plugin.source, true};
    candidate.libraries = copied.libraries;
    const auto deployed = deployer_.deploy(candidate);
    if (deployed) return {};
    return fail("goes on with its old settings: " + deployed.error().message);
  });
  reputation_.forget_told();
  for (const auto& file : folder_.present()) take_up(file);
  return status;
}

Status Reloader::check(const SettingsOf& settings_of) {
  const std::lock_guard work(turns_.mutex());
  if (turns_.closed()) return fail(kStopping);
  return for_changed(settings_of, [&](const Plugin& plugin) -> Status {
    Candidate candidate{plugin.source, plugin.source};
    PluginSettings settings;
    const auto staged = plugin.active.staged;  // another may take its place meanwhile
    const auto tried = deployer_.try_out(candidate, staged->file(), settings_of, settings);
    if (tried) return {};
    return fail(fmt::format("refuses {}: {}",
                            settings.where.empty() ? "its settings" : settings.where,
                            tried.error().message));
  });
}

void Reloader::refuse_new() {
  deployer_.refuse_new();
  folder_.wake();
}

bool Reloader::stop() {
  refuse_new();
  {
    const std::lock_guard work(turns_.mutex());
    // One that does not come back has its generation in no list yet, and nobody can end it.
    held_up_ = held_up_ || !turns_.wait_for_rest(options_.reload.stop);
  }
  if (!held_up_ && watch_.joinable()) watch_.join();
  {
    const std::lock_guard work(turns_.mutex());
    deployer_.unload_all();
  }
  return reaper_.wait() && !held_up_;
}

std::vector<PluginRow> Reloader::list() const {
  // First, so that one that comes to serve is missing from neither.
  const auto waiting_files = waiting_.list();
  auto rows = plugins_.rows(roster_);
  for (const auto& waiting : waiting_files) {
    PluginRow row{waiting.candidate.plugin, {}, waiting.candidate.sha256, "waiting"};
    row.file = waiting.candidate.source.string();
    row.since = waiting.since;
    row.reason = fmt::format("{}; tried every {}", waiting.reason, waiting.pause);
    rows.push_back(std::move(row));
  }
  for (auto& old : reaper_.list()) {
    PluginRow row{old.name, old.version, old.sha256, old.pinned ? "pinned" : "draining",
                  old.number};
    row.tally.in_flight = old.in_flight;
    row.reason = std::move(old.why);
    rows.push_back(std::move(row));
  }
  for (auto& known : deployer_.store().all()) {
    PluginRow row{known.plugin, {}, known.sha256, "quarantined"};
    row.file = std::move(known.file);
    row.since = known.since;
    row.reason = std::move(known.reason);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// The file that an operator means, who names a plugin, or a file in the folder.
std::optional<fs::path> Reloader::source_of(std::string_view name) const {
  if (const auto* plugin = plugins_.find(name)) return plugin->source;
  const auto files = folder_.present();
  const auto file = std::ranges::find_if(files, [&](const fs::path& present) {
    return present.filename() == name || present.stem() == name;
  });
  if (file != files.end()) return *file;
  for (const auto& known : deployer_.store().all()) {
    if (known.plugin == name) return known.file;
  }
  return std::nullopt;
}

}  // namespace dojo::plugins
