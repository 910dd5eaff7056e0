// What waits for a worker, and in which order.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <dojo/plugin.h>
#include <dojo/wire/ss58.hpp>

#include "plugins/run/services.hpp"

namespace dojo::request {

struct Gate;

struct Task {
  using Time = std::chrono::steady_clock::time_point;
  dojo_request_id id = 0;      ///< 0: `job` is the work
  std::shared_ptr<Gate> gate;  ///< may be null
  bool hooked = false;         ///< the plugin's hooks have still to be asked
  bool resumes = false;        ///< it is with its plugin, which is to go on writing its answer
  wire::PublicKey caller{};    ///< of a request: who shares the workers with others
  double weight = 1;           ///< the caller's; 1 is average
  std::int32_t priority = 0;
  Time arrived{};
  Time deadline = Time::max();
  std::uint64_t sequence = 0;  ///< the executor's
  /// What its caller has been charged for it. The FairQueue's.
  struct Charged {
    double cost = 0;
    std::uint64_t backlog = 0;  ///< in which of them that was
  } charged;
  plugins::Job job{};
};

/// How long a request waits until it overtakes one that has just come with a priority higher by 1.
constexpr std::chrono::milliseconds kAgeing{100};

/// Which of two tasks of one caller is to run first. Hooks are asked before all else, so that the
/// best of all is known when a worker is free. A priority is worth time: p times kAgeing of having
/// waited. That keeps the order of any two the same for ever, so a heap will do, and lets nobody
/// starve: what has waited long enough comes before every newcomer. Within one step of kAgeing the
/// earlier deadline goes first, then who came first.
inline bool runs_before(const Task& a, const Task& b) {
  const auto rank = [](const Task& task) {
    return task.arrived.time_since_epoch() / kAgeing - task.priority;
  };
  if (a.hooked != b.hooked) return a.hooked;
  const auto left = rank(a);
  const auto right = rank(b);
  if (left != right) return left < right;
  if (a.deadline != b.deadline) return a.deadline < b.deadline;
  return a.sequence < b.sequence;
}

/// Tasks in that order. Not for two threads at once.
class TaskHeap {
 public:
  [[nodiscard]] bool empty() const { return tasks_.empty(); }
  [[nodiscard]] std::size_t size() const { return tasks_.size(); }
  /// The one that is to run first; there must be one.
  [[nodiscard]] const Task& top() const { return tasks_.front(); }
  [[nodiscard]] auto begin() const { return tasks_.begin(); }
  [[nodiscard]] auto end() const { return tasks_.end(); }
  /// Makes room for one more. Throws std::bad_alloc, and has changed nothing then.
  void reserve_one() {
    if (tasks_.size() == tasks_.capacity()) tasks_.reserve(std::max<std::size_t>(4, 2 * size()));
  }
  void push(Task task) {
    tasks_.push_back(std::move(task));
    std::push_heap(tasks_.begin(), tasks_.end(), runs_after);
  }
  /// Takes the one that is to run first; there must be one.
  Task pop() {
    std::pop_heap(tasks_.begin(), tasks_.end(), runs_after);
    auto task = std::move(tasks_.back());
    tasks_.pop_back();
    // Many callers have a heap each; none keeps what it needed in its worst hour.
    if (tasks_.empty() && tasks_.capacity() > kKept) std::vector<Task>().swap(tasks_);
    return task;
  }
  /// Takes the one of which `may` holds that is to run last. O(n). @return false if there is none
  template <class May>
  bool take_last(May may, Task& out) {
    auto last = tasks_.end();
    for (auto task = tasks_.begin(); task != tasks_.end(); ++task) {
      if (may(*task) && (last == tasks_.end() || runs_before(*last, *task))) last = task;
    }
    if (last == tasks_.end()) return false;
    out = std::move(*last);
    if (last != tasks_.end() - 1) *last = std::move(tasks_.back());
    tasks_.pop_back();
    std::make_heap(tasks_.begin(), tasks_.end(), runs_after);
    return true;
  }
  /// Takes out every task of which `over` holds. @return how many
  template <class Over>
  std::size_t remove_if(Over over) {
    const auto removed = std::erase_if(tasks_, over);
    if (removed != 0) std::make_heap(tasks_.begin(), tasks_.end(), runs_after);
    return removed;
  }

 private:
  static constexpr std::size_t kKept = 16;
  static bool runs_after(const Task& a, const Task& b) { return runs_before(b, a); }
  std::vector<Task> tasks_;
};

}  // namespace dojo::request
