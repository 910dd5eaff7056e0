// Worker threads and the bounded queue before them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "request/fair_queue.hpp"
#include "request/gate.hpp"
#include "request/task.hpp"

namespace dojo::request {

/// What has become of a task that was to be pushed.
struct Pushed {
  enum class What { taken, full, too_late, stopping };
  What what = What::taken;
  std::chrono::nanoseconds wait{0};  ///< if refused: until there may be room; 0: not known
  // NOLINTNEXTLINE(google-explicit-constructor) "if (executor.push(…))"
  operator bool() const { return what == What::taken; }
};

/// Runs tasks in the order of a FairQueue, and tells it how long each has kept its worker: to ask a
/// request's hooks, and whatever else is done to it before, is work of its caller's too.
class Executor {
 public:
  struct Options {
    unsigned workers = 1;          ///< threads, at least 1
    std::size_t capacity = 1'024;  ///< tasks waiting at most: for a worker, and again for each gate
    std::function<void()> on_thread = [] {};  ///< called first by each thread
    /// Runs a task on worker number `worker`; what it throws is let go of, and with it what the
    /// task is about. Whoever ends a request calls
    /// release() for its gate. A task that its gate holds back waits in the gate's own queue, so
    /// that a route at its limit takes neither workers nor places from the others.
    std::function<void(Executor&, Task&&, unsigned worker)> run;
    /// Whether nobody waits for a request any more: its place is somebody else's then.
    std::function<bool(dojo_request_id)> is_over = [](dojo_request_id) { return false; };
    /// Takes a request that has lost its place, to another one's or since there is no memory for
    /// it, with the wait as of Pushed. Called once for it, without a lock, by the thread that
    /// pushes the other one or releases its gate; must not throw.
    std::function<void(Task&&, std::chrono::nanoseconds)> displaced =
        [](Task&&, std::chrono::nanoseconds) {};
    /// What tells how long a worker was kept.
    std::function<Task::Time()> clock = [] { return std::chrono::steady_clock::now(); };
  };

  /// Throws std::runtime_error if there are not as many threads to be had.
  explicit Executor(Options options);
  /// Waits for the workers.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// A task whose queue is full is refused, unless its caller holds less than its part of the
  /// queue: then the last task of whoever holds most is displaced. So is one that there is no
  /// memory for. One that cannot be taken up before its deadline is refused at once, if that can be
  /// told. One that resumes has its place whatever waits, as there is one of a request at most. Any
  /// thread; never blocks for long.
  [[nodiscard]] Pushed push(Task task);
  /// Puts a task back whose hooks have been asked. It has its place already; but it may have become
  /// clear that it will be too late, or there may be no memory. A worker's.
  [[nodiscard]] Pushed push_again(Task task);
  /// A request that passed `gate` has ended: the next one may. Any thread.
  void release(const std::shared_ptr<Gate>& gate);
  /// Lets the workers finish what they have at hand. Requests that wait are dropped; jobs are run
  /// as cancelled. May be called again. @return whether all workers have ended within `limit`.
  bool stop(std::chrono::milliseconds limit);
  /// Tasks waiting now.
  [[nodiscard]] std::size_t waiting() const;

 private:
  void work(unsigned worker);
  /// What a worker has just done.
  struct Done {
    wire::PublicKey caller{};
    Task::Charged charged;
    FairQueue::Wait time{0};
  };
  /// @return nothing of a job
  std::optional<Done> run(Task task, unsigned worker);
  /// Gives a gate's leave to the next one that waits for it. @return false, with that one in
  /// `lost`, if there is no memory to do so
  bool hand_on(const std::shared_ptr<Gate>& gate, Task& lost);
  /// The next task; blocks. @param done the one before
  /// @return false when there is none and the executor stops
  bool take(Task& task, const std::optional<Done>& done);
  [[nodiscard]] bool calls_one();
  Pushed admit(Task task, std::optional<Task>& displaced);
  bool make_room(const std::shared_ptr<Gate>& gate, Task::Time now);
  std::optional<FairQueue::Wait> too_late(const FairQueue& queue, const Task& task, Task::Time now);
  std::optional<Task> displace_for(const Task& task, FairQueue& queue, Task::Time now) const;
  void enter(Task task, Task::Time now);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::condition_variable left_;
  FairQueue queue_;
  std::size_t parked_ = 0;
  std::uint64_t sequence_ = 0;
  std::chrono::steady_clock::time_point swept_{};
  bool stopping_ = false;
  unsigned running_ = 0;   // threads
  unsigned sleeping_ = 0;  // of them
  bool calling_ = false;   // one of those has been called, and is not awake yet
  std::vector<std::thread> workers_;
};

}  // namespace dojo::request
