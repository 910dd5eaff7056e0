#include "plugins/deploy/deployer.hpp"

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "plugins/deploy/probe.hpp"
#include "plugins/deploy/shortage.hpp"
#include "plugins/run/in_process.hpp"
#include "plugins/run/isolated.hpp"

namespace dojo::plugins {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr int kStageAgain = 5;
constexpr std::chrono::milliseconds kStagePause{10};

unsigned worker_count(const RunOptions& run, const ReloadOptions& reload) {
  if (run.workers != 0) return run.workers;
  return reload.workers != 0 ? reload.workers
                             : std::max(4u, 2 * std::thread::hardware_concurrency());
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
  for (const auto& route : routes) text += (text.empty() ? "" : " ") + route.path;
  return text;
}

}  // namespace

Deployer::Deployer(fs::path worker, const ReloadOptions& options, SettingsOf settings_of,
                   Roster& roster, Services& services, const base::Log& log, Staging staging,
                   Store store)
    : worker_(std::move(worker)),
      options_(options),
      settings_of_(std::move(settings_of)),
      roster_(roster),
      services_(services),
      log_(log),
      staging_(std::move(staging)),
      store_(std::move(store)) {}

Status Deployer::deploy(Candidate& candidate) {
  const Turns::Turn turn(turns_);
  candidate.lacking = candidate.contends = false;
  auto asked = candidate;
  Status status;
  try {
    status = go_its_way(candidate);
  } catch (const std::exception& error) {  // no memory, no thread
    status = fail(error.what());
    candidate.lacking = tells_of_shortage(error.what());
  }
  if (!status && candidate.lacking) return wait_with(std::move(asked), candidate, status.error());
  waiting_.remove(candidate.file);
  return status;
}

Status Deployer::go_its_way(Candidate& candidate) {
  auto staged = stage(candidate);
  if (!staged) return Unexpected(staged.error());
  if (!candidate.insist) {
    if (candidate.proven || reputation_.is_told(candidate)) return {};
    if (auto status = reputation_.check(candidate); !status) return status;
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

// ---- staged

Result<std::shared_ptr<const Staged>> Deployer::stage(Candidate& candidate) {
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
  if (!candidate.sha256.empty() && candidate.sha256 != copy->sha256()) {
    return fail(
        fmt::format("{} is not what was kept: its hash is another", candidate.file.string()));
  }
  candidate.sha256 = copy->sha256();
  candidate.proven = plugins_.serves(candidate.source, candidate.sha256);
  return std::make_shared<const Staged>(std::move(*copy));
}

// ---- probed

Status Deployer::try_out(Candidate& candidate, const fs::path& file, const SettingsOf& settings_of,
                         PluginSettings& settings) {
  const ProbeOptions options{worker_, options_.probe, options_.probe_memory};
  const auto settings_for = [&, settings_of](const std::string& plugin) {
    settings = settings_of(plugin);
    candidate.settings = fingerprint(settings);
    return trial_settings(settings);
  };
  const auto trial = turns_.aside([&] { return try_plugin(file, settings_for, options); });
  candidate.plugin = trial.probed.name;
  candidate.lacking = trial.shortage;
  if (trial.faults.empty()) return {};
  return fail(fmt::format("{}", fmt::join(trial.faults, "; ")));
}

// ---- started, and active

Status Deployer::replace(Candidate& candidate, std::shared_ptr<const Staged> staged,
                         PluginSettings settings) {
  const Turns::Turn turn(turns_, candidate.plugin);
  if (turns_.closed()) return fail(kStopping);
  const auto* const before = plugins_.find(candidate.plugin);
  const bool replaces = before != nullptr && before->serves();
  const bool is_overtaken =  // by a newer copy of the same file
      replaces && before->source == candidate.source && candidate.file == candidate.source &&
      before->active.generation->number() > candidate.number;
  if (is_overtaken) return {};
  if (!candidate.insist && plugins_.serves(candidate.source, candidate.sha256)) return {};
  std::error_code error;
  if (replaces && before->source != candidate.source && fs::exists(before->source, error)) {
    candidate.lacking = candidate.contends = true;
    return fail(fmt::format("plugin {} is served from {}; remove one of the two files",
                            candidate.plugin, before->source.string()));
  }
  auto next = make(candidate, *staged, settings, replaces ? before : nullptr);
  if (turns_.closed()) return fail(kStopping);
  const bool makes_way = replaces && settings.run.replacement == Replacement::exclusive;
  if (makes_way) make_way(candidate.plugin);

  auto status = roster_.prepare(next);
  if (status) status = bring_up(*next, candidate);
  if (!status) {
    candidate.lacking = tells_of_shortage(status.error().message);
    charge(candidate, status.error().message);
  }
  if (status && turns_.closed()) status = fail(kStopping);
  if (status) {
    status = roster_.activate(*next, replaces ? before->active.generation.get() : nullptr);
    candidate.lacking = candidate.contends = !status;  // for its routes
  }
  if (!status) {
    reaper_.take({std::move(next), std::move(staged)});
    if (makes_way) fall_back(candidate);
    return status;
  }
  record(candidate, {std::move(next), std::move(staged)}, std::move(settings));
  return {};
}

std::shared_ptr<Generation> Deployer::make(const Candidate& candidate, const Staged& staged,
                                           const PluginSettings& settings,
                                           const Plugin* predecessor) {
  Blueprint blueprint;
  blueprint.file = staged.file();
  blueprint.number = candidate.number;
  blueprint.name = candidate.plugin;
  blueprint.sha256 = candidate.sha256;
  blueprint.config = settings.config;
  blueprint.workers = worker_count(settings.run, options_);
  blueprint.limit = options_.start;
  if (predecessor != nullptr) {
    const auto old = predecessor->active.generation;
    if (auto state = turns_.aside([&] { return old->save(); })) {
      blueprint.state = std::move(*state);
    } else {  // it may be what is to be mended: a plugin that crashes again and again, say
      log_.warning("the old generation hands nothing over",
                   {{"plugin", candidate.plugin}, {"reason", state.error().message}});
    }
  }
  if (settings.run.isolation == Isolation::thread) {
    return std::make_shared<InProcess>(std::move(blueprint), services_);
  }
  const auto& run = settings.run;
  if (run.sandbox.on && !std::exchange(told_of_gaps_, true)) {
    for (const auto& gap : sandbox_gaps(landlock_abi())) {
      log_.warning("the sandbox is not whole", {{"reason", gap}});
    }
  }
  return Isolated::make(std::move(blueprint), services_,
                        {.program = worker_,
                         .memory_bytes = run.memory,
                         .cpu_seconds = run.cpu,
                         .open_files = run.files,
                         .sandbox = run.sandbox,
                         .backoff_most = run.restart_most});
}

/// For a plugin that cannot be there twice: ends the old generation before the new one starts.
void Deployer::make_way(const std::string& plugin) {
  const auto old = plugins_.take(plugin);
  reputation_.keep_good(old);
  roster_.deactivate(*old.generation);
  reaper_.take(old);
  turns_.aside([&] { return reaper_.wait(old.generation->number()); });
}

Status Deployer::bring_up(Generation& generation, const Candidate& candidate) {
  const auto bring = [&] { return load(generation); };
  // A plugin in a process of its own cannot take the host with it.
  if (generation.isolated()) return turns_.aside(bring);
  starting_.push_back(&candidate);
  mark_start(candidate);
  // After the mark, so that either this or refuse_new() takes it back.
  auto status = turns_.closed() ? Status(fail(kStopping)) : turns_.aside(bring);
  std::erase(starting_, &candidate);
  if (starting_.empty() || turns_.closed()) {
    (void)store_.end_start();
  } else {
    mark_start(*starting_.back());
  }
  return status;
}

/// There is one mark: of those that start at once, it names the one that began last.
void Deployer::mark_start(const Candidate& candidate) {
  const auto status =
      store_.begin_start(candidate.sha256, candidate.plugin, candidate.source.string());
  if (status) return;
  log_.warning("no mark could be left that a plugin is being started",
               {{"plugin", candidate.plugin}, {"reason", status.error().message}});
}

void Deployer::record(const Candidate& candidate, Loaded next, PluginSettings settings) {
  const auto& generation = *next.generation;
  log_.info("plugin serves", {{"plugin", generation.name()},
                              {"version", generation.version()},
                              {"generation", generation.number()},
                              {"routes", joined(generation.routes())},
                              {"file", candidate.source.string()}});
  const auto* const before = plugins_.find(candidate.plugin);
  const auto* const known =
      before == nullptr || !before->serves() ? nullptr : before->active.generation.get();
  const bool was_good = known != nullptr && !probation_.failure(*known, before->failed_before);
  const auto failed_before = known == nullptr ? 0 : probation_.failing(*known);
  const auto now = steady_clock::now();
  const auto old =
      plugins_.put(candidate.plugin,
                   {std::move(next), candidate.source, std::move(settings), system_clock::now(),
                    failed_before, now + options_.probation, now + options_.health});
  // Nothing older is to take its place.
  if (candidate.file == candidate.source) waiting_.remove_for(candidate.source);
  waiting_.hurry_contenders();
  reputation_.clear(candidate);
  if (!old.generation) return;
  reaper_.take(old);
  if (was_good) reputation_.keep_good(old);
}

// ---- or not

/// Quarantines what failed by its own fault.
void Deployer::charge(const Candidate& candidate, const std::string& reason) {
  if (!candidate.proven && !candidate.lacking && !turns_.closed())
    reputation_.quarantine(candidate, reason);
}

/// Has it tried again as it was asked for.
Status Deployer::wait_with(Candidate asked, const Candidate& failed, const Error& why) {
  if (asked.stands_in) return Unexpected(why);
  asked.plugin = failed.plugin;
  asked.contends = failed.contends;
  const bool is_new = waiting_.add(asked, why.message);
  if (Staging::is_changing(why)) return Unexpected(why);
  if (is_new) {
    log_.warning(failed.contends ? "plugin waits: another has what it claims"
                                 : "plugin waits: the host lacks what it takes",
                 {{"file", asked.source.string()}, {"reason", why.message}});
  }
  return fail(why.message + ". That is no fault of the file's: it is tried again");
}

void Deployer::fall_back(const Candidate& failed) {
  const auto& plugin = failed.plugin;
  const auto* const known = plugins_.find(plugin);
  if (plugin.empty() || (known != nullptr && known->serves())) return;
  const auto copy = reputation_.good_copy(plugin, failed.sha256);
  if (!copy) return;
  log_.warning("the last good copy is taken instead",
               {{"plugin", plugin}, {"version", copy->version}, {"sha256", copy->sha256}});
  Candidate candidate{copy->file, failed.source, true, plugin, copy->sha256};
  candidate.libraries = copy->libraries;
  candidate.stands_in = true;
  if (const auto status = deploy(candidate); !status) {
    log_.error("plugin does not serve", {{"plugin", plugin}, {"reason", status.error().message}});
  }
}

Status Deployer::go_back(const Plugin& plugin, const std::string& reason) {
  const auto& generation = *plugin.active.generation;
  const auto copy = reputation_.good_copy(generation.name(), generation.blueprint().sha256);
  if (!copy) return fail("there is no good copy to go back to");
  reputation_.quarantine(plugin, reason);
  Candidate candidate{copy->file, plugin.source, true, generation.name(), copy->sha256};
  candidate.libraries = copy->libraries;
  return deploy(candidate);
}

// ---- drained, stopped, unloaded: the Reaper's

void Deployer::unload(const std::string& plugin) {
  roster_.deactivate(*plugins_.find(plugin)->active.generation);
  waiting_.hurry_contenders();
  waiting_.remove_of(plugin);
  reaper_.take(plugins_.take(plugin));
}

void Deployer::unload_all() {
  const Reaper::Options at_once{std::chrono::milliseconds(0), options_.grace, options_.stop};
  for (const auto& [name, plugin] : plugins_.all()) {
    if (!plugin.serves()) continue;
    roster_.deactivate(*plugin.active.generation);
    reaper_.take(plugins_.take(name), at_once);
  }
}

void Deployer::refuse_new() {
  turns_.close();
  (void)store_.end_start();
}

}  // namespace dojo::plugins
