#include "plugins/deploy/reputation.hpp"

#include <array>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sodium.h>

#include "wire/hex.hpp"

namespace dojo::plugins {

using std::chrono::system_clock;

std::string fingerprint(const PluginSettings& settings) {
  const auto& run = settings.run;
  const auto& sandbox = run.sandbox;
  const auto text = fmt::format(
      "{}\n{} {} {} {} {}\n{}\n{}\n{}\n{}", settings.config, word(run.isolation), run.memory,
      run.cpu, run.files, sandbox.on, fmt::join(sandbox.read, "\n"), fmt::join(sandbox.write, "\n"),
      fmt::join(sandbox.environment, "\n"), sandbox.user ? std::int64_t{sandbox.user->user} : -1);
  std::array<unsigned char, crypto_generichash_BYTES> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return wire::encode_hex(hash);
}

void Reputation::quarantine(const Candidate& candidate, const std::string& reason) {
  told_[candidate.source] = candidate.sha256;
  const auto status =
      store_.quarantine({candidate.sha256, candidate.plugin, candidate.source.string(), reason,
                         system_clock::now(), candidate.settings});
  if (status) return;
  log_.warning("a quarantine cannot be written down", {{"reason", status.error().message}});
}

void Reputation::quarantine(const Plugin& plugin, const std::string& reason) {
  const auto& generation = *plugin.active.generation;
  quarantine({{}, plugin.source, false, generation.name(), generation.blueprint().sha256}, reason);
}

void Reputation::clear(const Candidate& candidate) {
  told_.erase(candidate.source);
  if (!store_.find(candidate.sha256)) return;
  const auto status = store_.release(candidate.sha256);
  if (status) return;
  log_.warning("a quarantine cannot be lifted", {{"reason", status.error().message}});
}

bool Reputation::is_told(const Candidate& candidate) const {
  const auto told = told_.find(candidate.source);
  return told != told_.end() && told->second == candidate.sha256;
}

Status Reputation::check(Candidate& candidate) {
  const auto known = quarantined(candidate.sha256);
  if (!known) return {};
  candidate.plugin = known->plugin;
  told_[candidate.source] = candidate.sha256;
  return fail(
      fmt::format("it is quarantined since {:%F %T} UTC: {}; `dojo-host ctl reload {}` "
                  "tries it again",
                  fmt::gmtime(system_clock::to_time_t(known->since)), known->reason,
                  candidate.source.filename().string()));
}

/// What holds a file back, if anything does still.
std::optional<Quarantined> Reputation::quarantined(const std::string& sha256) const {
  auto known = store_.find(sha256);
  const bool mended = known && !known->settings.empty() &&
                      known->settings != fingerprint(settings_of_(known->plugin));
  return mended ? std::nullopt : std::move(known);
}

void Reputation::keep_good(const Loaded& loaded) {
  const auto& generation = *loaded.generation;
  const auto status = store_.keep_good(generation.name(), generation.version(),
                                       loaded.staged->source(), generation.blueprint().sha256);
  if (status) return;
  log_.warning("a good copy cannot be kept",
               {{"plugin", generation.name()}, {"reason", status.error().message}});
}

std::optional<Good> Reputation::good_copy(const std::string& plugin, const std::string& but) const {
  for (const auto& good : store_.good(plugin)) {
    if (good.sha256 != but && !quarantined(good.sha256)) return good;
  }
  return std::nullopt;
}

}  // namespace dojo::plugins
