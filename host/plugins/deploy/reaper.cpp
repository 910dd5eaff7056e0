#include "plugins/deploy/reaper.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/threads.hpp"

namespace dojo::plugins {

Reaper::Reaper(Roster& roster, const base::Log& log, Options options)
    : roster_(roster), log_(log), options_(options) {}

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
  std::list<Entry> made;
  try {
    made.emplace_back();
  } catch (const std::bad_alloc&) {
    (void)end(*loaded.generation, options);
    roster_.forget(*loaded.generation);
    return;
  }
  const std::lock_guard lock(mutex_);
  clear_gone();
  entries_.splice(entries_.end(), made);
  auto& entry = entries_.back();
  entry.number = loaded.generation->number();
  entry.loaded = std::move(loaded);
  begin(entry, options);
}

void Reaper::retry() {
  const std::lock_guard lock(mutex_);
  clear_gone();
  for (auto& entry : entries_) {
    if (entry.state == State::delayed) begin(entry, entry.options);
    if (entry.state != State::pinned) continue;
    if (entry.thread.joinable()) entry.thread.join();
    begin(entry, {std::chrono::milliseconds(0), std::chrono::milliseconds(0), options_.grace});
  }
}

void Reaper::begin(Entry& entry, const Options& options) noexcept {
  entry.options = options;
  entry.state = State::working;
  const auto delay = [&](const char* why) {
    entry.state = State::delayed;
    if (entry.why == why) return;
    entry.why = why;
    log_.warning("a generation's end waits for a thread",
                 {{"plugin", entry.loaded.generation->name()}, {"reason", why}});
  };
  threads::guard(
      [&] {
        auto thread = threads::start([this, &entry] { bury(entry); });
        if (!thread) return delay(thread.error().message.c_str());
        entry.thread = std::move(*thread);
      },
      delay);
}

void Reaper::bury(Entry& entry) noexcept {
  const auto generation = entry.loaded.generation;
  Ending ending{false, {}};
  threads::guard([&] { ending = end(*generation, entry.options); },
                 [&](const char* why) { ending.why = why; });
  if (ending.unloaded) roster_.forget(*generation);
  threads::guard([&] { tell(entry, ending); }, [](const char*) {});
  const std::lock_guard lock(mutex_);
  if (!ending.unloaded && !std::exchange(entry.counted, true)) ++pinned_ever_;
  entry.why = std::move(ending.why);
  entry.state = ending.unloaded ? State::gone : State::pinned;
  if (ending.unloaded) entry.loaded = {};
  changed_.notify_all();
}

void Reaper::tell(const Entry& entry, const Ending& ending) const {
  const auto& name = entry.loaded.generation->name();
  const auto number = std::to_string(entry.number);
  if (ending.unloaded) {
    log_.info("generation unloaded", {{"plugin", name}, {"generation", number}});
    if (ending.why.empty()) return;
    log_.warning("a plugin did not end as it should",
                 {{"plugin", name}, {"generation", number}, {"reason", ending.why}});
  } else if (entry.why != ending.why) {
    log_.warning("generation pinned: it stays in memory",
                 {{"plugin", name}, {"generation", number}, {"reason", ending.why}});
  }
}

Ending Reaper::end(Generation& generation, const Options& options) {
  bool idle = roster_.retire(generation, options.drain, options.grace);
  if (!idle && !generation.isolated()) return {false, "a handler has not come back"};
  auto ending = generation.end(options.end);
  // A process can be ended with handlers in it, which lets their threads here come back.
  while (!idle) idle = roster_.retire(generation, std::chrono::milliseconds(0), options.grace);
  return ending;
}

std::vector<Reaper::Retiree> Reaper::list() const {
  std::vector<Retiree> list;
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry.state == State::gone) continue;
    const auto& generation = *entry.loaded.generation;
    list.push_back({generation.name(), generation.version(), generation.blueprint().sha256,
                    generation.number(), roster_.tally(generation).in_flight,
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
  const auto find = [&](State state) {
    return std::ranges::find_if(
        entries_, [&](const Entry& entry) { return entry.state == state && wanted(entry); });
  };
  for (auto delayed = find(State::delayed); delayed != entries_.end();
       delayed = find(State::delayed)) {
    delayed->state = State::working;
    lock.unlock();
    bury(*delayed);
    lock.lock();
  }
  changed_.wait(lock, [&] { return find(State::working) == entries_.end(); });
  return find(State::pinned) == entries_.end();
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
    if (entry->thread.joinable()) entry->thread.join();  // it has nothing left to do
    entry = entries_.erase(entry);
  }
}

}  // namespace dojo::plugins
