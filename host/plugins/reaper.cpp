#include "plugins/reaper.hpp"

#include <algorithm>
#include <utility>

namespace dojo::plugins {

Reaper::Reaper(Serving& serving, const host::Log& log, Options options)
    : serving_(serving), log_(log), options_(options) {}

Reaper::~Reaper() {
  (void)wait();
  for (auto& entry : entries_) {
    if (entry.thread.joinable()) entry.thread.join();
  }
}

void Reaper::take(Loaded loaded) {
  take(std::move(loaded), options_);
}

void Reaper::take(Loaded loaded, const Options& options) {
  const std::lock_guard lock(mutex_);
  clear_gone();
  auto& entry = entries_.emplace_back();
  entry.number = loaded.generation->number();
  entry.loaded = std::move(loaded);
  begin(entry, options);
}

void Reaper::retry() {
  const std::lock_guard lock(mutex_);
  clear_gone();
  for (auto& entry : entries_) {
    if (entry.state != State::pinned) continue;
    entry.thread.join();
    begin(entry, {std::chrono::milliseconds(0), std::chrono::milliseconds(0), options_.grace});
  }
}

void Reaper::begin(Entry& entry, const Options& options) {
  entry.state = State::working;
  entry.thread = std::thread([this, &entry, options] { bury(entry, options); });
}

void Reaper::bury(Entry& entry, const Options& options) {
  const auto generation = entry.loaded.generation;
  const auto number = std::to_string(generation->number());
  auto ending = end(*generation, options);
  if (ending.unloaded) {
    serving_.forget(*generation);
    log_.info("generation unloaded", {{"plugin", generation->name()}, {"generation", number}});
    if (!ending.why.empty()) {
      log_.warning(
          "a plugin did not end as it should",
          {{"plugin", generation->name()}, {"generation", number}, {"reason", ending.why}});
    }
  }
  const std::lock_guard lock(mutex_);
  if (!ending.unloaded && entry.why != ending.why) {
    if (entry.why.empty()) ++pinned_ever_;
    log_.warning("generation pinned: it stays in memory",
                 {{"plugin", generation->name()}, {"generation", number}, {"reason", ending.why}});
  }
  entry.why = std::move(ending.why);
  entry.state = ending.unloaded ? State::gone : State::pinned;
  if (ending.unloaded) entry.loaded = {};
  changed_.notify_all();
}

Ending Reaper::end(Generation& generation, const Options& options) {
  bool idle = serving_.retire(generation, options.drain, options.grace);
  if (!idle && !generation.isolated()) return {false, "a handler has not come back"};
  auto ending = generation.end(options.end);
  // A process can be ended with handlers in it, which lets their threads here come back.
  while (!idle) idle = serving_.retire(generation, std::chrono::milliseconds(0), options.grace);
  return ending;
}

std::vector<Reaper::Retiree> Reaper::list() const {
  std::vector<Retiree> list;
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry.state == State::gone) continue;
    const auto& generation = *entry.loaded.generation;
    list.push_back({generation.name(), generation.version(), generation.blueprint().sha256,
                    generation.number(), serving_.tally(generation).in_flight,
                    entry.state == State::pinned, entry.why});
  }
  return list;
}

bool Reaper::wait() {
  return wait_for([](const Entry&) { return true; });
}

bool Reaper::wait(std::uint64_t number) {
  return wait_for([number](const Entry& entry) { return entry.number == number; });
}

bool Reaper::wait_for(const std::function<bool(const Entry&)>& wanted) {
  std::unique_lock lock(mutex_);
  const auto in_state = [&](State state) {
    return std::ranges::any_of(
        entries_, [&](const Entry& entry) { return entry.state == state && wanted(entry); });
  };
  changed_.wait(lock, [&] { return !in_state(State::working); });
  return !in_state(State::pinned);
}

std::uint64_t Reaper::pinned_ever() const {
  const std::lock_guard lock(mutex_);
  return pinned_ever_;
}

void Reaper::clear_gone() {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (entry->state != State::gone) {
      ++entry;
      continue;
    }
    entry->thread.join();  // it has nothing left to do
    entry = entries_.erase(entry);
  }
}

}  // namespace dojo::plugins
