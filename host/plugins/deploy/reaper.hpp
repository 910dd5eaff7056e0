// Where generations go when their time is over.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "plugins/deploy/staging.hpp"
#include "plugins/run/generation.hpp"
#include "plugins/run/roster.hpp"

namespace dojo::plugins {

/// A generation, and the copy of the file that it was loaded from.
struct Loaded {
  std::shared_ptr<Generation> generation;
  std::shared_ptr<const Staged> staged;
};

/// Drains, stops, destroys and unloads, each generation on a thread of its own, so that one that
/// takes its time delays no other. One that cannot be unloaded is pinned: it stays, and is tried
/// again now and then. So is one for which there is no thread to be had. Any thread.
class Reaper {
 public:
  struct Options {
    std::chrono::milliseconds drain{30'000};  ///< for requests to end
    std::chrono::milliseconds grace{1'000};   ///< for cancelled ones to end
    std::chrono::milliseconds end{10'000};    ///< for stop() and destroy()
  };
  /// Where one stands.
  struct Retiree {
    std::string name;
    std::string version;
    std::string sha256;
    std::uint64_t number = 0;
    std::uint64_t in_flight = 0;
    bool pinned = false;
    std::string why;  ///< it is pinned
  };

  /// Both must outlive it.
  Reaper(Roster& roster, const base::Log& log, Options options);
  /// Waits for all.
  ~Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  /// Takes a generation that is not active (any more). Does not block, unless there is no memory to
  /// keep it in mind.
  void take(Loaded loaded);
  /// The same with limits of one's own.
  void take(Loaded loaded, const Options& options);
  /// Tries again to unload what is pinned.
  void retry();
  [[nodiscard]] std::vector<Retiree> list() const;
  /// Blocks until each is gone or pinned; those that had no thread yet get this one. @return
  /// whether none is pinned
  bool wait();
  /// The same for one of them.
  bool wait(std::uint64_t number);
  /// Generations pinned since the start.
  [[nodiscard]] std::uint64_t pinned_ever() const;

 private:
  enum class State {
    working,
    delayed,  // it has no thread yet
    pinned,
    gone
  };
  struct Entry {
    Loaded loaded;
    std::uint64_t number = 0;
    State state = State::working;
    bool counted = false;  // in pinned_ever_
    Options options{};
    std::string why;
    std::thread thread;
  };
  void bury(Entry& entry) noexcept;
  void tell(const Entry& entry, const Ending& ending) const;
  Ending end(Generation& generation, const Options& options);
  void begin(Entry& entry, const Options& options) noexcept;
  void clear_gone();
  bool wait_for(const std::function<bool(const Entry&)>& wanted);

  Roster& roster_;
  const base::Log& log_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t pinned_ever_ = 0;
  std::list<Entry> entries_;
};

}  // namespace dojo::plugins
