// Worker threads and the bounded queue before them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "pipeline/gate.hpp"
#include "pipeline/task.hpp"

namespace dojo::pipeline {

/// Runs tasks in the order of runs_before(). Tasks whose hooks are still to be asked are not yet in
/// that order; they come before all others, so that the best of all is known when a worker is free.
class Executor {
 public:
  struct Options {
    unsigned workers = 1;          ///< threads, at least 1
    std::size_t capacity = 1'024;  ///< tasks waiting at most: for a worker, and again for each gate
    std::function<void()> on_thread = [] {};  ///< called first by each thread
    /// Runs a task on worker number `worker`; must not throw. Whoever ends a request calls
    /// release() for its gate. A task that its gate holds back waits in the gate's own queue, so
    /// that a route at its limit takes neither workers nor places from the others.
    std::function<void(Executor&, Task&&, unsigned worker)> run;
    /// Whether nobody waits for a request any more: its place is somebody else's then.
    std::function<bool(dojo_request_id)> is_over = [](dojo_request_id) { return false; };
  };

  explicit Executor(Options options);
  /// Waits for the workers.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// @return false if the task's queue is full, or the executor stops. Any thread; never blocks for
  /// long.
  [[nodiscard]] bool push(Task task);
  /// Puts a task back whose hooks have been asked. It has its place already. A worker's.
  void push_again(Task task);
  /// A request that passed `gate` has ended: the next one may. Any thread.
  void release(const std::shared_ptr<Gate>& gate);
  /// Lets the workers finish what they have at hand. Requests that wait are dropped; jobs are run
  /// as cancelled. May be called again. @return whether all workers have ended within `limit`.
  bool stop(std::chrono::milliseconds limit);
  /// Tasks waiting now.
  [[nodiscard]] std::size_t waiting() const;

 private:
  void work(unsigned worker);
  /// The next task; blocks. @return false when there is none and the executor stops.
  bool take(Task& task);
  bool take_job(Task& task);
  [[nodiscard]] std::size_t queued() const { return unasked_.size() + queue_.size(); }
  bool make_room();
  void enter(Task task);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::condition_variable left_;
  std::deque<Task> unasked_;
  TaskHeap queue_;
  std::size_t parked_ = 0;
  std::uint64_t sequence_ = 0;
  std::chrono::steady_clock::time_point swept_{};
  bool stopping_ = false;
  unsigned running_ = 0;  // threads
  std::vector<std::thread> workers_;
};

}  // namespace dojo::pipeline
