// Whose turn it is to change a plugin.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace dojo::plugins {

inline constexpr char kStopping[] = "the host is being stopped";

/// Whoever changes something holds the mutex, but not while he waits for a plugin's code, or for a
/// process that runs it. He has a turn meanwhile: one plugin's changes follow one another, those of
/// others go on beside them. close() and closed(): any thread; all else with the mutex held.
class Turns {
 public:
  class Turn {
   public:
    /// For this thread; waits for it. Again for one that has it already, which ends with the first.
    /// @param plugin empty while it is not known: others' may be so too
    explicit Turn(Turns& turns, std::string_view plugin = {});
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Turns& turns_;
    const std::string plugin_;
    bool first_ = true;
  };

  [[nodiscard]] std::mutex& mutex() { return mutex_; }
  [[nodiscard]] bool taken(std::string_view plugin) const { return taken_.contains(plugin); }
  /// Does something without the mutex.
  template <class Act>
  auto aside(Act act) {
    auto come_back = [](std::mutex* mutex) { mutex->lock(); };
    const std::unique_ptr<std::mutex, decltype(come_back)> absence(&mutex_, come_back);
    mutex_.unlock();
    return act();
  }

  /// Nothing is begun any more. Who has waited for a turn, or for anything else, has to look.
  void close() { closed_ = true; }
  [[nodiscard]] bool closed() const { return closed_; }
  /// Waits until nobody has a turn. @return false if somebody still has after so long
  bool wait_for_rest(std::chrono::milliseconds limit);

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::thread::id, std::less<>> taken_;  // by plugin: who has its turn
  std::size_t nameless_ = 0;                                   // turns
  std::atomic<bool> closed_{false};
};

}  // namespace dojo::plugins
