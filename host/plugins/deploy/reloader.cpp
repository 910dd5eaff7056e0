#include "plugins/deploy/reloader.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sodium.h>

#include "base/threads.hpp"
#include "plugins/deploy/libraries.hpp"
#include "plugins/deploy/probation.hpp"
#include "plugins/deploy/probe.hpp"
#include "plugins/deploy/shortage.hpp"
#include "plugins/run/in_process.hpp"
#include "plugins/run/isolated.hpp"
#include "wire/hex.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr std::chrono::milliseconds kTick{200};
constexpr char kStopping[] = "the host is being stopped";
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
  return wire::encode_hex(hash);
}

/// With words for what the host lacks: a thread, memory.
Status load(Generation& generation) {
  try {
    return generation.load();
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

std::string joined(const std::vector<RouteInfo>& routes) {
  std::string text;
  for (const auto& route : routes) text += (text.empty() ? "/" : " /") + route.name;
  return text;
}

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
      settings_of_(std::move(settings_of)),
      roster_(roster),
      services_(services),
      log_(log),
      staging_(std::move(staging)),
      store_(std::move(store)),
      folder_(options_.folder, {options_.reload.debounce, options_.reload.rescan, true}),
      waiting_(options_.reload.rescan),
      reaper_(roster, log, reaper_options(options_.reload)),
      errands_(work_, [this] { return !stopping_; }, log) {}

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
  const std::lock_guard work(work_);
  for (const auto& file : files) {
    if (!stopping_) take_up(file);
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
  while (!stopping_) {
    threads::guard([this] { look_round(folder_.wait(steady_clock::now() + kTick)); }, failed);
    if (steady_clock::now() < next_retry) continue;
    threads::guard([this] { reaper_.retry(); }, failed);
    next_retry = steady_clock::now() + options_.reload.rescan;
  }
}

void Reloader::look_round(const std::vector<fs::path>& changed) {
  const std::lock_guard work(work_);
  for (const auto& note : folder_.take_notes()) log_.warning(note);
  errands_.clear();
  for (const auto& file : changed) {
    if (!stopping_) errands_.send(file, [this, file] { take_up(file); });
  }
  if (stopping_) return;
  try_waiting();
  end_probations();
  ask_health();
}

/// Waits for a plugin's code, or for a process that runs it, while others do what they have to.
template <class Act>
auto Reloader::aside(Act act) {
  struct Absence {
    std::mutex& work;
    explicit Absence(std::mutex& its) : work(its) { work.unlock(); }
    ~Absence() { work.lock(); }
    Absence(const Absence&) = delete;
    Absence& operator=(const Absence&) = delete;
  };
  const Absence absence(work_);
  return act();
}

Reloader::Turn::Turn(Reloader& reloader, const std::string& plugin)
    : reloader_(reloader), plugin_(plugin) {
  auto& turns = reloader_.turns_;
  const auto known = turns.find(plugin_);
  if (known != turns.end() && known->second == std::this_thread::get_id()) return;
  reloader_.changed_.wait(reloader_.work_, [&] { return !turns.contains(plugin_); });
  turns.emplace(plugin_, std::this_thread::get_id());
  first_ = true;
}

Reloader::Turn::~Turn() {
  if (!first_) return;
  reloader_.turns_.erase(plugin_);
  reloader_.changed_.notify_all();
}

void Reloader::take_up(const fs::path& source) {
  if (!is_brought_by_another(source)) take_up(Candidate{source, source});
}

void Reloader::take_up(Candidate candidate) {
  const auto status = deploy(candidate);
  if (status || stopping_) return;
  if (Staging::is_changing(status.error())) return;
  if (!candidate.lacking) {
    log_.error("plugin refused",
               {{"file", candidate.source.string()}, {"reason", status.error().message}});
  }
  if (!candidate.contends) fall_back(candidate.plugin, candidate.source, candidate.sha256);
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

// ---- what waits for the host to have what it takes

void Reloader::wait_with(const Candidate& candidate, const std::string& reason) {
  if (!waiting_.add(candidate, reason) || Staging::is_changing({{}, reason})) return;
  log_.warning(candidate.contends ? "plugin waits: another has what it claims"
                                  : "plugin waits: the host lacks what it takes",
               {{"file", candidate.source.string()}, {"reason", reason}});
}

void Reloader::try_waiting() {
  for (auto& candidate : waiting_.take_due())
    errands_.send(candidate.source, [this, candidate] { take_up(candidate); });
}

// ---- the way of a file

Status Reloader::deploy(Candidate& candidate) {
  struct UnderWay {
    Reloader& reloader;
    explicit UnderWay(Reloader& its) : reloader(its) { ++reloader.under_way_; }
    ~UnderWay() {
      --reloader.under_way_;
      reloader.changed_.notify_all();
    }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
  };
  const UnderWay under_way(*this);
  candidate.lacking = candidate.contends = false;
  const auto asked = candidate;
  Status status;
  try {
    status = go_its_way(candidate);
  } catch (const std::exception& error) {  // no memory, no thread
    status = fail(error.what());
    candidate.lacking = tells_of_shortage(error.what());
  }
  if (!status && candidate.lacking) {
    if (candidate.stands_in) return status;
    auto waiting = asked;
    waiting.plugin = candidate.plugin;
    waiting.contends = candidate.contends;
    wait_with(waiting, status.error().message);
    if (Staging::is_changing(status.error())) return status;
    return fail(status.error().message + ". That is no fault of the file's: it is tried again");
  }
  waiting_.remove(candidate.file);
  return status;
}

Status Reloader::go_its_way(Candidate& candidate) {
  auto staged = stage(candidate);
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
  auto status = try_out(candidate, (*staged)->file(), settings_of_, settings);
  if (status) {
    status = replace(candidate, *staged, settings);
  } else {
    charge(candidate, status.error().message);
  }
  if (status || settings.where.empty()) return status;
  return fail(fmt::format("{}: {}", settings.where, status.error().message));
}

Result<std::shared_ptr<const Staged>> Reloader::stage(Candidate& candidate) {
  Bundle bundle{candidate.file, candidate.libraries};
  if (candidate.file != candidate.source) bundle.origins = origins_of(candidate.source);
  auto copy = staging_.stage(bundle, ++numbers_);
  // A good copy may share its inode with a staged one that goes just now, which counts as a change.
  for (int again = 0; again < kStageAgain && !copy && Staging::is_changing(copy.error()); ++again) {
    std::this_thread::sleep_for(kStagePause);
    copy = staging_.stage(bundle, ++numbers_);
  }
  candidate.number = numbers_;
  if (!copy) {
    // A library may be written to where nobody watches.
    candidate.lacking =
        Staging::is_changing(copy.error()) || tells_of_shortage(copy.error().message);
    return Unexpected(copy.error());
  }
  return std::make_shared<const Staged>(std::move(*copy));
}

Status Reloader::try_out(Candidate& candidate, fs::path file, const SettingsOf& settings_of,
                         PluginSettings& settings) {
  ProbeOptions options;
  options.program = options_.worker;
  options.limit = options_.reload.probe;
  options.memory_bytes = options_.reload.probe_memory;
  const auto settings_for = [&, settings_of](const std::string& plugin) {
    settings = settings_of(plugin);
    candidate.settings = fingerprint(settings);
    return TrialSettings{settings.config, settings.run.isolation == Isolation::process};
  };
  const auto trial = aside([&] { return try_plugin(file, settings_for, options); });
  candidate.plugin = trial.probed.name;
  candidate.lacking = trial.shortage;
  if (trial.faults.empty()) return {};
  return fail(fmt::format("{}", fmt::join(trial.faults, "; ")));
}

Status Reloader::replace(Candidate& candidate, std::shared_ptr<const Staged> staged,
                         PluginSettings settings) {
  const Turn turn(*this, candidate.plugin);
  if (stopping_) return fail(kStopping);
  auto* const before = find(candidate.plugin);
  if (is_overtaken(candidate, before)) return {};
  if (!candidate.insist && serves(candidate.source, candidate.sha256)) return {};
  std::error_code error;
  if (before != nullptr && before->active.generation && before->source != candidate.source &&
      fs::exists(before->source, error)) {
    candidate.lacking = candidate.contends = true;
    return fail(fmt::format("plugin {} is served from {}; remove one of the two files",
                            candidate.plugin, before->source.string()));
  }
  auto next = make(candidate, *staged, settings, before);
  if (stopping_) return fail(kStopping);
  const bool makes_way = before != nullptr && before->active.generation &&
                         settings.run.replacement == Replacement::exclusive;
  if (makes_way) make_way(*before);

  auto status = roster_.prepare(next);
  if (status) status = bring_up(*next, candidate);
  if (!status) {
    candidate.lacking = tells_of_shortage(status.error().message);
    charge(candidate, status.error().message);
  }
  const auto* old = before == nullptr ? nullptr : before->active.generation.get();
  if (status && stopping_) status = fail(kStopping);
  if (status) {
    status = roster_.activate(*next, old);
    candidate.lacking = candidate.contends = !status;  // for its routes
  }
  if (!status) {
    reaper_.take({std::move(next), std::move(staged)});
    if (makes_way) fall_back(candidate.plugin, candidate.source, candidate.sha256);
    return status;
  }
  record(candidate, {std::move(next), std::move(staged)}, std::move(settings));
  return {};
}

/// Whether a newer copy of the same file serves already.
bool Reloader::is_overtaken(const Candidate& candidate, const Plugin* before) const {
  return before != nullptr && before->active.generation && before->source == candidate.source &&
         candidate.file == candidate.source &&
         before->active.generation->number() > candidate.number;
}

std::shared_ptr<Generation> Reloader::make(const Candidate& candidate, const Staged& staged,
                                           const PluginSettings& settings,
                                           const Plugin* predecessor) {
  Blueprint blueprint;
  blueprint.file = staged.file();
  blueprint.number = candidate.number;
  blueprint.name = candidate.plugin;
  blueprint.sha256 = candidate.sha256;
  blueprint.config = settings.config;
  blueprint.workers = worker_count(settings.run, options_.reload);
  blueprint.limit = options_.reload.start;
  if (predecessor != nullptr && predecessor->active.generation) {
    const auto old = predecessor->active.generation;
    if (auto state = aside([&] { return old->save(); })) {
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
  roster_.deactivate(*plugin.active.generation);
  reaper_.take(plugin.active);
  aside([&] { return reaper_.wait(number); });
  const std::lock_guard table(table_);
  plugin.active = {};
}

Status Reloader::bring_up(Generation& generation, const Candidate& candidate) {
  const auto bring = [&] { return load(generation); };
  // A plugin in a process of its own cannot take the host with it.
  if (generation.isolated()) return aside(bring);
  starting_.push_back(&candidate);
  mark_start(candidate);
  // After the mark, so that either this or refuse_new() takes it back.
  auto status = stopping_ ? Status(fail(kStopping)) : aside(bring);
  std::erase(starting_, &candidate);
  if (starting_.empty() || stopping_) {
    (void)store_.end_start();
  } else {
    mark_start(*starting_.back());
  }
  return status;
}

/// There is one mark: of those that start at once, it names the one that began last.
void Reloader::mark_start(const Candidate& candidate) {
  const auto status =
      store_.begin_start(candidate.sha256, candidate.plugin, candidate.source.string());
  if (status) return;
  log_.warning("no mark could be left that a plugin is being started",
               {{"plugin", candidate.plugin}, {"reason", status.error().message}});
}

void Reloader::record(const Candidate& candidate, Loaded next, PluginSettings settings) {
  const auto& generation = *next.generation;
  log_.info("plugin serves", {{"plugin", generation.name()},
                              {"version", generation.version()},
                              {"generation", generation.number()},
                              {"routes", joined(generation.routes())},
                              {"file", candidate.source.string()}});
  auto& plugin = [&]() -> Plugin& {
    const std::lock_guard table(table_);
    return plugins_[candidate.plugin];
  }();
  const bool was_good = plugin.active.generation && !failing(plugin);
  const auto failed_before = failing_now(plugin);
  const auto now = steady_clock::now();
  Loaded old;
  {
    const std::lock_guard table(table_);
    old = std::exchange(plugin.active, std::move(next));
    plugin.source = candidate.source;
    plugin.settings = std::move(settings);
    plugin.since = system_clock::now();
    plugin.on_probation = true;
    plugin.failed_before = failed_before;
    plugin.probation_end = now + options_.reload.probation;
    plugin.next_health = now + options_.reload.health;
    plugin.unhealthy.clear();
  }
  // Nothing older is to take its place.
  if (candidate.file == candidate.source) waiting_.remove_for(candidate.source);
  judged_.erase(candidate.source);
  waiting_.hurry_contenders();
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

/// Quarantines what failed by its own fault.
void Reloader::charge(const Candidate& candidate, const std::string& reason) {
  if (!candidate.proven && !candidate.lacking && !stopping_) quarantine(candidate, reason);
}

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
  candidate.libraries = copy->libraries;
  candidate.stands_in = true;
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
                                       loaded.staged->source(), generation.blueprint().sha256);
  if (!status) {
    log_.warning("a good copy cannot be kept",
                 {{"plugin", generation.name()}, {"reason", status.error().message}});
  }
}

bool Reloader::failing(const Plugin& plugin) const {
  const auto& generation = *plugin.active.generation;
  const auto tally = roster_.tally(generation);
  return tally.answered + tally.failed >= options_.reload.probation_requests &&
         fails_probation(roster_.failures_by_caller(generation), plugin.failed_before,
                         options_.reload);
}

/// What may fail of the next generation, since it does of this one; 0 if little is known.
double Reloader::failing_now(const Plugin& plugin) const {
  if (!plugin.active.generation) return 0;
  const auto tally = roster_.tally(*plugin.active.generation);
  if (tally.answered + tally.failed < options_.reload.probation_requests) return 0;
  return failure_rate(roster_.failures_by_caller(*plugin.active.generation));
}

void Reloader::end_probations() {
  const auto now = steady_clock::now();
  for (auto& row : plugins_) {
    const auto& name = row.first;
    auto& plugin = row.second;
    if (!plugin.active.generation || !plugin.on_probation || errands_.has(plugin.source) ||
        turns_.contains(name)) {
      continue;
    }
    const bool failed = failing(plugin);
    if (!failed && now < plugin.probation_end) continue;
    plugin.on_probation = false;
    if (!failed) {
      log_.info("plugin has passed its probation", {{"plugin", name}});
      keep_good(plugin.active);
      continue;
    }
    const auto tally = roster_.tally(*plugin.active.generation);
    const auto callers = roster_.failures_by_caller(*plugin.active.generation);
    const auto reason = fmt::format("{} of its first {} requests failed, of {} callers",
                                    tally.failed, tally.answered + tally.failed, callers.size());
    errands_.send(plugin.source,
                  [this, &name, &plugin, reason] { roll_back(name, plugin, reason); });
  }
}

void Reloader::roll_back(const std::string& name, Plugin& plugin, const std::string& reason) {
  const Turn turn(*this, name);
  if (!plugin.active.generation) return;
  log_.error("plugin is rolled back", {{"plugin", name}, {"reason", reason}});
  if (const auto status = go_back(plugin, reason); !status) {
    log_.error("plugin is left as it is", {{"plugin", name}, {"reason", status.error().message}});
  }
}

Status Reloader::go_back(Plugin& plugin, const std::string& reason) {
  const auto& generation = *plugin.active.generation;
  const auto present = generation.blueprint().sha256;
  const auto copy = good_copy(generation.name(), present);
  if (!copy) return fail("there is no good copy to go back to");
  quarantine({{}, plugin.source, false, generation.name(), present}, reason);
  Candidate candidate{copy->file, plugin.source, true, generation.name(), copy->sha256};
  candidate.libraries = copy->libraries;
  return deploy(candidate);
}

void Reloader::ask_health() {
  const auto now = steady_clock::now();
  for (auto& [name, plugin] : plugins_) {
    if (!plugin.active.generation || now < plugin.next_health) continue;
    const auto status = plugin.active.generation->ask_health();
    if (!status) continue;  // it has not come back yet
    auto why = *status ? std::string() : status->error().message;
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
  if (stopping_) return fail(kStopping);
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
  const Turn turn(*this, std::string(name));
  if (stopping_) return fail(kStopping);
  const auto plugin = find_serving(name);
  if (!plugin) return Unexpected(plugin.error());
  return go_back(**plugin, "rolled back by the operator");
}

Status Reloader::unload(std::string_view name) {
  const std::lock_guard work(work_);
  const Turn turn(*this, std::string(name));
  if (stopping_) return fail(kStopping);
  const auto found = find_serving(name);
  if (!found) return Unexpected(found.error());
  auto* const plugin = *found;
  const auto& generation = *plugin->active.generation;
  quarantine({{}, plugin->source, false, generation.name(), generation.blueprint().sha256},
             "unloaded by the operator");
  log_.info("plugin is unloaded", {{"plugin", name}});
  roster_.deactivate(generation);
  waiting_.hurry_contenders();
  waiting_.remove_of(name);
  const std::lock_guard table(table_);
  reaper_.take(std::exchange(plugin->active, {}));
  return {};
}

Status Reloader::apply(SettingsOf settings_of) {
  const std::lock_guard work(work_);
  if (stopping_) return fail(kStopping);
  settings_of_ = std::move(settings_of);
  std::string complaints;
  for (const auto& name : names()) {
    const auto* plugin = find(name);
    if (!plugin->active.generation || settings_of_(name) == plugin->settings) continue;
    const auto& copied = plugin->active.staged->source();
    Candidate candidate{copied.file, plugin->source, true};
    candidate.libraries = copied.libraries;
    if (auto status = deploy(candidate); !status) {
      complaints += fmt::format("{}plugin {} goes on with its old settings: {}",
                                complaints.empty() ? "" : "\n", name, status.error().message);
    }
  }
  judged_.clear();
  for (const auto& file : folder_.present()) take_up(file);
  return complaints.empty() ? Status() : fail(complaints);
}

Status Reloader::check(const SettingsOf& settings_of) {
  const std::lock_guard work(work_);
  if (stopping_) return fail(kStopping);
  std::string complaints;
  for (const auto& name : names()) {
    const auto* plugin = find(name);
    if (!plugin->active.generation || settings_of(name) == plugin->settings) continue;
    Candidate candidate{plugin->source, plugin->source};
    PluginSettings settings;
    const auto staged = plugin->active.staged;  // another may take its place meanwhile
    const auto status = try_out(candidate, staged->file(), settings_of, settings);
    if (status) continue;
    complaints += fmt::format("{}plugin {} refuses {}: {}", complaints.empty() ? "" : "\n", name,
                              settings.where.empty() ? "its settings" : settings.where,
                              status.error().message);
  }
  return complaints.empty() ? Status() : fail(complaints);
}

void Reloader::refuse_new() {
  stopping_ = true;
  folder_.wake();
  (void)store_.end_start();
}

bool Reloader::stop() {
  refuse_new();
  const auto at_rest = [this] { return !is_at_work(); };
  {
    const std::lock_guard work(work_);
    // One that does not come back has its generation in no list yet, and nobody can end it.
    held_up_ = held_up_ || !changed_.wait_for(work_, options_.reload.stop, at_rest);
  }
  if (!held_up_ && watch_.joinable()) watch_.join();
  {
    const std::lock_guard work(work_);
    auto options = reaper_options(options_.reload);
    options.drain = std::chrono::milliseconds(0);
    for (auto& [name, plugin] : plugins_) {
      if (!plugin.active.generation) continue;
      roster_.deactivate(*plugin.active.generation);
      reaper_.take(std::exchange(plugin.active, {}), options);
    }
  }
  return reaper_.wait() && !held_up_;
}

std::vector<PluginRow> Reloader::list() const {
  std::vector<PluginRow> rows;
  const auto waiting_files =
      waiting_.list();  // first, so that one that comes to serve is missing from neither
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
                    roster_.tally(generation),
                    word(plugin.settings.run.isolation),
                    generation.process(),
                    plugin.source.string(),
                    plugin.since,
                    plugin.unhealthy};
      rows.push_back(std::move(row));
    }
  }
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

Result<Reloader::Plugin*> Reloader::find_serving(std::string_view name) {
  auto* const plugin = find(name);
  if (plugin != nullptr && plugin->active.generation) return plugin;
  return fail(fmt::format("there is no plugin \"{}\" that serves", name));
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
