// Worker threads and the bounded queues before them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <dojo/plugin.h>

#include "pipeline/gate.hpp"

namespace dojo::pipeline {

class Executor {
 public:
  struct Task {
    dojo_request_id id = 0;
    std::shared_ptr<Gate> gate;  ///< may be null
  };
  /// Runs a task on a worker thread; must not throw. Whoever ends the request calls release() for
  /// its gate. A task that its gate holds back waits in the gate's own queue, so that a route at
  /// its limit takes neither workers nor places from the others.
  using Run = std::function<void(const Task&)>;

  /// @param workers threads, at least 1 @param capacity tasks waiting at most: for a worker, and
  /// again for each gate
  Executor(unsigned workers, std::size_t capacity, Run run);
  ~Executor() { stop(); }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// @return false if the task's queue is full. Any thread; never blocks for long.
  [[nodiscard]] bool push(Task task);
  /// A task that was run has ended: the next one may pass. Any thread.
  void release(const std::shared_ptr<Gate>& gate);
  /// Lets the workers finish what they have at hand, and joins them; what waits is dropped.
  void stop();
  /// Tasks waiting now.
  [[nodiscard]] std::size_t waiting() const;

 private:
  void work();
  /// The next task; blocks. @return false when the executor stops.
  bool take(Task& task);

  Run run_;
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Task> queue_;
  std::size_t parked_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace dojo::pipeline
