#include "plugins/reloader.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sodium.h>

#include "plugins/in_process.hpp"
#include "plugins/isolated.hpp"
#include "plugins/probe.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr std::chrono::milliseconds kTick{200};
constexpr int kStageAgain = 5;
constexpr std::chrono::milliseconds kStagePause{10};

Reaper::Options reaper_options(const ReloadOptions& reload) {
  return {reload.drain, reload.grace, reload.stop};
}

unsigned worker_count(const RunOptions& run, const ReloadOptions& reload) {
  if (run.workers != 0) return run.workers;
  return reload.workers != 0 ? reload.workers
                             : std::max(4u, 2 * std::thread::hardware_concurrency());
}

const char* word(Isolation isolation) {
  return isolation == Isolation::process ? "process" : "thread";
}

/// Tells one plugin's settings from another's, and gives none of them away.
std::string fingerprint(const PluginSettings& settings) {
  const auto text =
      fmt::format("{}\n{} {} {} {} {}", settings.config, word(settings.run.isolation),
                  settings.run.memory, settings.run.cpu, settings.run.files, settings.run.seccomp);
  std::array<unsigned char, crypto_generichash_BYTES> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  std::array<char, 2 * hash.size() + 1> hex{};
  return sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
}

std::string joined(const std::vector<RouteInfo>& routes) {
  std::string text;
  for (const auto& route : routes) text += (text.empty() ? "/" : " /") + route.name;
  return text;
}

}  // namespace

Result<std::unique_ptr<Reloader>> Reloader::open(Options options, SettingsOf settings_of,
                                                 Serving& serving, Services& services,
                                                 const host::Log& log) {
  auto staging = Staging::open(options.state);
  if (!staging) return Unexpected(staging.error());
  std::vector<std::string> remarks;
  auto store = Store::open(options.state, remarks);
  if (!store) return Unexpected(store.error());
  for (const auto& remark : remarks) log.warning(remark);
  return std::unique_ptr<Reloader>(new Reloader(std::move(options), std::move(settings_of), serving,
                                                services, log, std::move(*staging),
                                                std::move(*store)));
}

Reloader::Reloader(Options options, SettingsOf settings_of, Serving& serving, Services& services,
                   const host::Log& log, Staging staging, Store store)
    : options_(std::move(options)),
      settings_of_(std::move(settings_of)),
      serving_(serving),
      services_(services),
      log_(log),
      staging_(std::move(staging)),
      store_(std::move(store)),
      folder_(options_.folder, {options_.reload.debounce, options_.reload.rescan, true}),
      reaper_(serving, log, reaper_options(options_.reload)) {}

Reloader::~Reloader() {
  (void)stop();
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
  const std::lock_guard work(work_);
  for (const auto& file : files) take_up(file);
}

void Reloader::start() {
  watch_ = std::thread([this] { watch(); });
}

void Reloader::watch() {
  auto next_retry = steady_clock::now() + options_.reload.rescan;
  while (!stopping_) {
    const auto changed = folder_.wait(steady_clock::now() + kTick);
    const std::lock_guard work(work_);
    for (const auto& note : folder_.take_notes()) log_.warning(note);
    for (const auto& file : changed) {
      if (!stopping_) take_up(file);
    }
    if (stopping_) return;
    end_probations();
    ask_health();
    if (steady_clock::now() >= next_retry) {
      reaper_.retry();
      next_retry = steady_clock::now() + options_.reload.rescan;
    }
  }
}

void Reloader::take_up(const fs::path& source) {
  Candidate candidate{source, source};
  const auto status = deploy(candidate);
  if (status) return;
  if (Staging::is_changing(status.error())) return;  // the folder reports it when it is whole
  log_.error("plugin refused", {{"file", source.string()}, {"reason", status.error().message}});
  fall_back(candidate.plugin, source, candidate.sha256);
}

// ---- the way of a file

Status Reloader::deploy(Candidate& candidate) {
  auto staged = stage(candidate.file);
  if (!staged) return Unexpected(staged.error());
  if (!candidate.sha256.empty() && candidate.sha256 != (*staged)->sha256()) {
    return fail(
        fmt::format("{} is not what was kept: its hash is another", candidate.file.string()));
  }
  candidate.sha256 = (*staged)->sha256();
  candidate.proven = serves(candidate.source, candidate.sha256);
  if (!candidate.insist) {
    auto& judged = judged_[candidate.source];
    if (judged == candidate.sha256 || candidate.proven) return {};
    if (const auto known = quarantined(candidate.sha256)) {
      candidate.plugin = known->plugin;
      judged = candidate.sha256;
      return fail(
          fmt::format("it is quarantined since {:%F %T} UTC: {}; `dojo-host ctl reload {}` "
                      "tries it again",
                      fmt::gmtime(system_clock::to_time_t(known->since)), known->reason,
                      candidate.source.filename().string()));
    }
  }
  PluginSettings settings;
  auto status = try_out(candidate, **staged, settings);
  if (status) {
    status = replace(candidate, *staged, settings);
  } else if (!candidate.proven) {
    quarantine(candidate, status.error().message);
  }
  if (status || settings.where.empty()) return status;
  return fail(fmt::format("{}: {}", settings.where, status.error().message));
}

Result<std::shared_ptr<const Staged>> Reloader::stage(const fs::path& file) {
  auto copy = staging_.stage(file, ++numbers_);
  // A good copy may share its inode with a staged one that goes just now, which counts as a change.
  for (int again = 0; again < kStageAgain && !copy && Staging::is_changing(copy.error()); ++again) {
    std::this_thread::sleep_for(kStagePause);
    copy = staging_.stage(file, ++numbers_);
  }
  if (!copy) return Unexpected(copy.error());
  return std::make_shared<const Staged>(std::move(*copy));
}

Status Reloader::try_out(Candidate& candidate, const Staged& staged, PluginSettings& settings) {
  ProbeOptions options;
  options.program = options_.worker;
  options.limit = options_.reload.probe;
  options.memory_bytes = options_.reload.probe_memory;
  const auto settings_for = [&](const std::string& plugin) {
    settings = settings_of_(plugin);
    candidate.settings = fingerprint(settings);
    return TrialSettings{settings.config, settings.run.isolation == Isolation::process};
  };
  const auto trial = try_plugin(staged.file(), settings_for, options);
  candidate.plugin = trial.probed.name;
  if (trial.faults.empty()) return {};
  return fail(fmt::format("{}", fmt::join(trial.faults, "; ")));
}

Status Reloader::replace(Candidate& candidate, std::shared_ptr<const Staged> staged,
                         PluginSettings settings) {
  auto* const before = find(candidate.plugin);
  std::error_code error;
  if (before != nullptr && before->active.generation && before->source != candidate.source &&
      fs::exists(before->source, error)) {
    return fail(fmt::format("plugin {} is served from {}; remove one of the two files",
                            candidate.plugin, before->source.string()));
  }
  auto next = make(candidate, *staged, settings, before);
  const bool makes_way = before != nullptr && before->active.generation &&
                         settings.run.replacement == Replacement::exclusive;
  if (makes_way) make_way(*before);

  serving_.prepare(next);
  auto status = bring_up(*next, candidate);
  if (!status && !candidate.proven) quarantine(candidate, status.error().message);
  const auto* old = before == nullptr ? nullptr : before->active.generation.get();
  if (status) status = serving_.activate(*next, old);
  if (!status) {
    reaper_.take({std::move(next), std::move(staged)});
    if (makes_way) fall_back(candidate.plugin, candidate.source, candidate.sha256);
    return status;
  }
  record(candidate, {std::move(next), std::move(staged)}, std::move(settings));
  return {};
}

std::shared_ptr<Generation> Reloader::make(const Candidate& candidate, const Staged& staged,
                                           const PluginSettings& settings,
                                           const Plugin* predecessor) {
  Blueprint blueprint;
  blueprint.file = staged.file();
  blueprint.number = numbers_;
  blueprint.sha256 = candidate.sha256;
  blueprint.config = settings.config;
  blueprint.workers = worker_count(settings.run, options_.reload);
  blueprint.limit = options_.reload.start;
  if (predecessor != nullptr && predecessor->active.generation) {
    if (auto state = predecessor->active.generation->save()) {
      blueprint.state = std::move(*state);
    } else {  // it may be what is to be mended: a plugin that crashes again and again, say
      log_.warning("the old generation hands nothing over",
                   {{"plugin", candidate.plugin}, {"reason", state.error().message}});
    }
  }
  if (settings.run.isolation == Isolation::thread) {
    return std::make_shared<InProcess>(std::move(blueprint), services_);
  }
  IsolationOptions isolation;
  isolation.program = options_.worker;
  isolation.memory_bytes = settings.run.memory;
  isolation.cpu_seconds = settings.run.cpu;
  isolation.open_files = settings.run.files;
  isolation.seccomp = settings.run.seccomp;
  isolation.backoff_most = settings.run.restart_most;
  return Isolated::make(std::move(blueprint), services_, isolation);
}

/// For a plugin that cannot be there twice: ends the old generation before the new one starts.
void Reloader::make_way(Plugin& plugin) {
  const auto number = plugin.active.generation->number();
  keep_good(plugin.active);
  serving_.deactivate(*plugin.active.generation);
  reaper_.take(plugin.active);
  reaper_.wait(number);
  const std::lock_guard table(table_);
  plugin.active = {};
}

Status Reloader::bring_up(Generation& generation, const Candidate& candidate) {
  // A plugin in a process of its own cannot take the host with it.
  if (generation.isolated()) return generation.load();
  if (auto status =
          store_.begin_start(candidate.sha256, candidate.plugin, candidate.source.string());
      !status) {
    log_.warning("no mark could be left that a plugin is being started",
                 {{"plugin", candidate.plugin}, {"reason", status.error().message}});
  }
  auto status = generation.load();
  (void)store_.end_start();
  return status;
}

void Reloader::record(const Candidate& candidate, Loaded next, PluginSettings settings) {
  const auto& generation = *next.generation;
  log_.info("plugin serves", {{"plugin", generation.name()},
                              {"version", generation.version()},
                              {"generation", std::to_string(generation.number())},
                              {"routes", joined(generation.routes())},
                              {"file", candidate.source.string()}});
  auto& plugin = [&]() -> Plugin& {
    const std::lock_guard table(table_);
    return plugins_[candidate.plugin];
  }();
  const bool was_good = plugin.active.generation && !failing(plugin);
  const auto now = steady_clock::now();
  Loaded old;
  {
    const std::lock_guard table(table_);
    old = std::exchange(plugin.active, std::move(next));
    plugin.source = candidate.source;
    plugin.settings = std::move(settings);
    plugin.since = system_clock::now();
    plugin.on_probation = true;
    plugin.probation_end = now + options_.reload.probation;
    plugin.next_health = now + options_.reload.health;
    plugin.unhealthy.clear();
  }
  judged_.erase(candidate.source);
  if (store_.find(candidate.sha256)) {
    if (auto status = store_.release(candidate.sha256); !status) {
      log_.warning("a quarantine cannot be lifted", {{"reason", status.error().message}});
    }
  }
  if (!old.generation) return;
  reaper_.take(old);
  if (was_good) keep_good(old);
}

// ---- what goes wrong later

void Reloader::quarantine(const Candidate& candidate, const std::string& reason) {
  judged_[candidate.source] = candidate.sha256;
  const auto status =
      store_.quarantine({candidate.sha256, candidate.plugin, candidate.source.string(), reason,
                         system_clock::now(), candidate.settings});
  if (!status) {
    log_.warning("a quarantine cannot be written down", {{"reason", status.error().message}});
  }
}

/// Serves the newest good copy, if nothing serves for this file and there is one.
void Reloader::fall_back(const std::string& plugin, const fs::path& source,
                         const std::string& not_sha256) {
  const auto* known = find(plugin);
  if (plugin.empty() || (known != nullptr && known->active.generation)) return;
  const auto copy = good_copy(plugin, not_sha256);
  if (!copy) return;
  log_.warning("the last good copy is taken instead",
               {{"plugin", plugin}, {"version", copy->version}, {"sha256", copy->sha256}});
  Candidate candidate{copy->file, source, true, plugin, copy->sha256};
  if (const auto status = deploy(candidate); !status) {
    log_.error("plugin does not serve", {{"plugin", plugin}, {"reason", status.error().message}});
  }
}

std::optional<Good> Reloader::good_copy(const std::string& plugin,
                                        const std::string& not_sha256) const {
  for (const auto& good : store_.good(plugin)) {
    if (good.sha256 != not_sha256 && !quarantined(good.sha256)) return good;
  }
  return std::nullopt;
}

/// What holds a file back, if anything does still.
std::optional<Quarantined> Reloader::quarantined(const std::string& sha256) const {
  auto known = store_.find(sha256);
  const bool mended = known && !known->settings.empty() &&
                      known->settings != fingerprint(settings_of_(known->plugin));
  return mended ? std::nullopt : std::move(known);
}

void Reloader::keep_good(const Loaded& loaded) {
  const auto& generation = *loaded.generation;
  const auto status = store_.keep_good(generation.name(), generation.version(),
                                       loaded.staged->file(), generation.blueprint().sha256);
  if (!status) {
    log_.warning("a good copy cannot be kept",
                 {{"plugin", generation.name()}, {"reason", status.error().message}});
  }
}

bool Reloader::failing(const Plugin& plugin) const {
  const auto tally = serving_.tally(*plugin.active.generation);
  const auto all = tally.answered + tally.failed;
  return all >= options_.reload.probation_requests &&
         tally.failed * 100 >= all * options_.reload.probation_failures;
}

void Reloader::end_probations() {
  const auto now = steady_clock::now();
  for (auto& [name, plugin] : plugins_) {
    if (!plugin.active.generation || !plugin.on_probation) continue;
    const bool failed = failing(plugin);
    if (!failed && now < plugin.probation_end) continue;
    plugin.on_probation = false;
    if (!failed) {
      keep_good(plugin.active);
      continue;
    }
    const auto tally = serving_.tally(*plugin.active.generation);
    const auto reason = fmt::format("{} of its first {} requests failed", tally.failed,
                                    tally.answered + tally.failed);
    log_.error("plugin is rolled back", {{"plugin", name}, {"reason", reason}});
    if (const auto status = go_back(plugin, reason); !status) {
      log_.error("plugin is left as it is", {{"plugin", name}, {"reason", status.error().message}});
    }
  }
}

Status Reloader::go_back(Plugin& plugin, const std::string& reason) {
  const auto& generation = *plugin.active.generation;
  const auto present = generation.blueprint().sha256;
  const auto copy = good_copy(generation.name(), present);
  if (!copy) return fail("there is no good copy to go back to");
  quarantine({{}, plugin.source, false, generation.name(), present}, reason);
  Candidate candidate{copy->file, plugin.source, true, generation.name(), copy->sha256};
  return deploy(candidate);
}

void Reloader::ask_health() {
  const auto now = steady_clock::now();
  for (auto& [name, plugin] : plugins_) {
    if (!plugin.active.generation || now < plugin.next_health) continue;
    const auto status = plugin.active.generation->health();
    auto why = status ? std::string() : status.error().message;
    if (why != plugin.unhealthy) {
      if (why.empty()) {
        log_.info("plugin is well again", {{"plugin", name}});
      } else {
        log_.warning("plugin is unwell", {{"plugin", name}, {"reason", why}});
      }
    }
    const std::lock_guard table(table_);
    plugin.unhealthy = std::move(why);
    plugin.next_health = steady_clock::now() + options_.reload.health;
  }
}

// ---- the operator

Status Reloader::reload(std::string_view name) {
  const std::lock_guard work(work_);
  const auto source = source_of(name);
  if (!source) {
    return fail(
        fmt::format("there is no plugin and no file \"{}\" in {}", name, options_.folder.string()));
  }
  Candidate candidate{*source, *source, true};
  return deploy(candidate);
}

Status Reloader::rollback(std::string_view name) {
  const std::lock_guard work(work_);
  auto* const plugin = find(name);
  if (plugin == nullptr || !plugin->active.generation) {
    return fail(fmt::format("there is no plugin \"{}\" that serves", name));
  }
  return go_back(*plugin, "rolled back by the operator");
}

Status Reloader::unload(std::string_view name) {
  const std::lock_guard work(work_);
  auto* const plugin = find(name);
  if (plugin == nullptr || !plugin->active.generation) {
    return fail(fmt::format("there is no plugin \"{}\" that serves", name));
  }
  const auto& generation = *plugin->active.generation;
  quarantine({{}, plugin->source, false, generation.name(), generation.blueprint().sha256},
             "unloaded by the operator");
  log_.info("plugin is unloaded", {{"plugin", name}});
  serving_.deactivate(generation);
  const std::lock_guard table(table_);
  reaper_.take(std::exchange(plugin->active, {}));
  return {};
}

Status Reloader::apply(SettingsOf settings_of) {
  const std::lock_guard work(work_);
  settings_of_ = std::move(settings_of);
  std::string complaints;
  for (const auto& name : names()) {
    const auto* plugin = find(name);
    if (!plugin->active.generation || settings_of_(name) == plugin->settings) continue;
    Candidate candidate{plugin->active.staged->file(), plugin->source, true};
    if (auto status = deploy(candidate); !status) {
      complaints += fmt::format("{}plugin {} goes on with its old settings: {}",
                                complaints.empty() ? "" : "\n", name, status.error().message);
    }
  }
  judged_.clear();
  for (const auto& file : folder_.present()) take_up(file);
  return complaints.empty() ? Status() : fail(complaints);
}

bool Reloader::stop() {
  if (!stopping_.exchange(true)) {
    folder_.wake();
    if (watch_.joinable()) watch_.join();
    const std::lock_guard work(work_);
    auto options = reaper_options(options_.reload);
    options.drain = std::chrono::milliseconds(0);
    for (auto& [name, plugin] : plugins_) {
      if (!plugin.active.generation) continue;
      serving_.deactivate(*plugin.active.generation);
      reaper_.take(std::exchange(plugin.active, {}), options);
    }
  }
  return reaper_.wait();
}

std::vector<PluginRow> Reloader::list() const {
  std::vector<PluginRow> rows;
  {
    const std::lock_guard table(table_);
    for (const auto& [name, plugin] : plugins_) {
      if (!plugin.active.generation) continue;
      const auto& generation = *plugin.active.generation;
      PluginRow row{name,
                    generation.version(),
                    generation.blueprint().sha256,
                    "active",
                    generation.number(),
                    serving_.tally(generation),
                    word(plugin.settings.run.isolation),
                    generation.process(),
                    plugin.source.string(),
                    plugin.since,
                    plugin.unhealthy};
      rows.push_back(std::move(row));
    }
  }
  for (auto& old : reaper_.list()) {
    PluginRow row{old.name, old.version, old.sha256, old.pinned ? "pinned" : "draining",
                  old.number};
    row.tally.in_flight = old.in_flight;
    row.reason = std::move(old.why);
    rows.push_back(std::move(row));
  }
  for (auto& known : store_.all()) {
    PluginRow row{known.plugin, {}, known.sha256, "quarantined"};
    row.file = std::move(known.file);
    row.since = known.since;
    row.reason = std::move(known.reason);
    rows.push_back(std::move(row));
  }
  return rows;
}

Reloader::Plugin* Reloader::find(std::string_view name) {
  const auto found = plugins_.find(name);
  return found == plugins_.end() ? nullptr : &found->second;
}

std::vector<std::string> Reloader::names() const {
  std::vector<std::string> names;
  for (const auto& [name, plugin] : plugins_) names.push_back(name);
  return names;
}

/// The file that an operator means, who names a plugin, or a file in the folder.
std::optional<fs::path> Reloader::source_of(std::string_view name) {
  if (const auto* plugin = find(name)) return plugin->source;
  const auto files = folder_.present();
  const auto file = std::ranges::find_if(files, [&](const fs::path& present) {
    return present.filename() == name || present.stem() == name;
  });
  if (file != files.end()) return *file;
  for (const auto& known : store_.all()) {
    if (known.plugin == name) return known.file;
  }
  return std::nullopt;
}

/// Whether this very file serves already.
bool Reloader::serves(const fs::path& source, const std::string& sha256) const {
  return std::ranges::any_of(plugins_, [&](const auto& entry) {
    const auto& [name, plugin] = entry;
    return plugin.active.generation && plugin.source == source &&
           plugin.active.generation->blueprint().sha256 == sha256;
  });
}

}  // namespace dojo::plugins
