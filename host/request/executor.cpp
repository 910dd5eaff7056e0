#include "request/executor.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/threads.hpp"

namespace dojo::request {
namespace {

using std::chrono::steady_clock;

// How often a full queue is searched for requests that nobody waits for.
constexpr std::chrono::milliseconds kSweep{10};
constexpr std::chrono::milliseconds kLong = std::chrono::hours(1);

/// Whether a task of this gate's has to wait for its leave.
bool is_shut(const std::shared_ptr<Gate>& gate) {
  return gate && gate->admitted >= gate->limit;
}

}  // namespace

Executor::Executor(Options options) : options_(std::move(options)), queue_(options_.workers) {
  const auto workers = std::max(1u, options_.workers);
  workers_.reserve(workers);
  running_ = workers;
  for (unsigned i = 0; i < workers; ++i) {
    auto thread = threads::start([this, i] { work(i); });
    if (thread) {
      workers_.push_back(std::move(*thread));
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      running_ -= workers - i;
    }
    (void)stop(kLong);
    throw std::runtime_error(thread.error().message);
  }
}

Executor::~Executor() {
  (void)stop(std::chrono::milliseconds(0));
  for (auto& worker : workers_) worker.join();
}

bool Executor::stop(std::chrono::milliseconds limit) {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    ready_.notify_all();
    if (!left_.wait_for(lock, limit, [this] { return running_ == 0; })) return false;
  }
  for (auto& worker : workers_) worker.join();
  workers_.clear();
  return true;
}

Pushed Executor::push(Task task) {
  std::optional<Task> displaced;
  Pushed pushed;
  bool calls = false;
  try {
    const std::lock_guard lock(mutex_);
    pushed = admit(std::move(task), displaced);
    calls = calls_one();
  } catch (const std::bad_alloc&) {
    pushed = {Pushed::What::full};
  }
  if (calls) ready_.notify_one();
  if (displaced) options_.displaced(std::move(*displaced), pushed.wait);
  return pushed;
}

Pushed Executor::admit(Task task, std::optional<Task>& displaced) {
  if (stopping_) return {Pushed::What::stopping};
  const auto now = steady_clock::now();
  task.sequence = ++sequence_;
  if (task.resumes) {
    enter(std::move(task), now);
    return {};
  }
  const bool parks = !task.hooked && is_shut(task.gate);
  auto& queue = parks ? task.gate->parked : queue_;
  if (const auto wait = too_late(queue, task, now)) return {Pushed::What::too_late, *wait};
  const auto wait = queue.backlog();
  const auto full = [&] { return queue.size() >= options_.capacity; };
  if (full()) (void)make_room(task.gate, now);
  if (full()) {
    displaced = displace_for(task, queue, now);
    if (!displaced) return {Pushed::What::full, wait};
    if (parks) --parked_;
  }
  enter(std::move(task), now);
  return {Pushed::What::taken, wait};
}

Pushed Executor::push_again(Task task) {
  try {
    const std::lock_guard lock(mutex_);
    const auto now = steady_clock::now();
    const auto& queue = is_shut(task.gate) ? task.gate->parked : queue_;
    task.hooked = false;
    if (const auto wait = too_late(queue, task, now)) return {Pushed::What::too_late, *wait};
    enter(std::move(task), now);
  } catch (const std::bad_alloc&) {
    return {Pushed::What::full};
  }
  return {};  // no other is called: this worker comes back for the next task at once
}

void Executor::enter(Task task, Task::Time now) {
  if (task.hooked) return queue_.push(std::move(task), now);
  if (is_shut(task.gate)) {
    const auto gate = std::exchange(task.gate, nullptr);  // or they would keep each other
    gate->parked.push(std::move(task), now);
    ++parked_;
    return;
  }
  queue_.prepare(task);
  if (task.gate) ++task.gate->admitted;
  queue_.push(std::move(task), now);
}

std::optional<FairQueue::Wait> Executor::too_late(const FairQueue& queue, const Task& task,
                                                  Task::Time now) {
  if (task.id == 0) return std::nullopt;
  const auto wait = queue.too_late(task, now);
  // Perhaps of those before it many have gone.
  return wait && make_room(task.gate, now) ? queue.too_late(task, now) : wait;
}

/// Drops the requests that nobody waits for any more, unless that was done a moment ago. @return
/// whether there were some
bool Executor::make_room(const std::shared_ptr<Gate>& gate, Task::Time now) {
  if (now - swept_ < kSweep) return false;
  swept_ = now;
  const auto over = [this](const Task& task) {
    // One that has passed its gate gives its leave back when a worker drops it.
    return task.id != 0 && !task.resumes && (!task.gate || task.hooked) &&
           options_.is_over(task.id);
  };
  const auto parked = gate ? gate->parked.remove_if(over, now) : 0;
  parked_ -= parked;
  return queue_.remove_if(over, now) + parked != 0;
}

/// The task that has to go so that this one's caller gets its part of the places, if one has to.
std::optional<Task> Executor::displace_for(const Task& task, FairQueue& queue,
                                           Task::Time now) const {
  if (task.id == 0) return std::nullopt;
  const auto held = queue.displaceable(task.caller);
  const auto own = FairQueue::sane(task.weight);
  auto weight = queue.weight();
  if (held == 0) weight += own;
  const auto each = static_cast<double>(options_.capacity) / weight;
  if (static_cast<double>(held + 1) > std::max(1.0, each * own)) return std::nullopt;
  Task displaced;
  return queue.displace(each, displaced, now) ? std::optional(std::move(displaced)) : std::nullopt;
}

void Executor::release(const std::shared_ptr<Gate>& gate) {
  if (!gate) return;
  Task lost;
  while (!hand_on(gate, lost)) options_.displaced(std::exchange(lost, {}), {});
}

bool Executor::hand_on(const std::shared_ptr<Gate>& gate, Task& lost) {
  bool calls = false;
  {
    const std::lock_guard lock(mutex_);
    if (gate->parked.empty()) {
      --gate->admitted;
      return true;
    }
    const auto now = steady_clock::now();
    auto next = gate->parked.pop(now);
    --parked_;
    next.gate = gate;  // and its leave
    try {
      queue_.prepare(next);
    } catch (const std::bad_alloc&) {
      lost = std::move(next);
      return false;
    }
    queue_.push(std::move(next), now);
    calls = calls_one();
  }
  if (calls) ready_.notify_one();
  return true;
}

std::size_t Executor::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() + parked_;
}

/// Whether a worker is to be called, with ready_.notify_one() after the lock. One at a time: that
/// one calls the next if there is work for it. So a burst costs its pusher one call, and workers
/// that are awake find the rest by themselves.
bool Executor::calls_one() {
  return sleeping_ != 0 && queue_.ready() && !std::exchange(calling_, true);
}

bool Executor::take(Task& task, const std::optional<Done>& done) {
  std::unique_lock lock(mutex_);
  if (done) queue_.worked(done->caller, done->charged, done->time, steady_clock::now());
  while (!stopping_ && !queue_.ready()) {
    ++sleeping_;
    ready_.wait(lock);
    --sleeping_;
    calling_ = false;
  }
  const auto now = steady_clock::now();
  if (stopping_) {
    queue_.drop_requests(now);
    if (queue_.empty()) return false;
  }
  task = queue_.pop(now);
  const bool calls = calls_one();
  lock.unlock();
  if (calls) ready_.notify_one();
  return true;
}

void Executor::work(unsigned worker) {
  threads::guard(options_.on_thread, [](std::string_view) {});
  Task task;
  std::optional<Done> done;
  while (take(task, done)) done = run(std::exchange(task, {}), worker);
  const std::lock_guard lock(mutex_);
  if (--running_ == 0) left_.notify_all();
}

std::optional<Executor::Done> Executor::run(Task task, unsigned worker) {
  std::optional<Done> done;
  if (task.id != 0) done = Done{task.caller, task.charged};
  const auto begun = options_.clock();
  const auto work = [&] {
    if (task.id != 0) return options_.run(*this, std::move(task), worker);
    bool cancelled = false;
    {
      const std::lock_guard lock(mutex_);
      cancelled = stopping_;
    }
    task.job.run(task.job.data, cancelled ? 1 : 0);
  };
  // A job is a plugin's, which may not keep to the ABI.
  threads::guard(work, [](std::string_view) {});
  if (done) done->time = options_.clock() - begun;
  return done;
}

}  // namespace dojo::request
