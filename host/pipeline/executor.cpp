#include "pipeline/executor.hpp"

#include <algorithm>
#include <utility>

namespace dojo::pipeline {
namespace {

// How often a full queue is searched for requests that nobody waits for.
constexpr std::chrono::milliseconds kSweep{10};

}  // namespace

Executor::Executor(Options options) : options_(std::move(options)) {
  const auto workers = std::max(1u, options_.workers);
  workers_.reserve(workers);
  running_ = workers;
  for (unsigned i = 0; i < workers; ++i) workers_.emplace_back([this, i] { work(i); });
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

bool Executor::push(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    if (queued() >= options_.capacity && !make_room()) return false;
    task.sequence = ++sequence_;
    if (task.hooked) {
      unasked_.push_back(std::move(task));
    } else if (task.gate && task.gate->parked.size() >= options_.capacity) {
      return false;
    } else {
      enter(std::move(task));
    }
  }
  ready_.notify_one();
  return true;
}

void Executor::push_again(Task task) {
  {
    const std::lock_guard lock(mutex_);
    task.hooked = false;
    enter(std::move(task));
  }
  ready_.notify_one();
}

void Executor::enter(Task task) {
  if (task.gate) {
    if (task.gate->admitted >= task.gate->limit) {
      ++parked_;
      const auto gate = std::exchange(task.gate, nullptr);  // or they would keep each other
      gate->parked.push(std::move(task));
      return;
    }
    ++task.gate->admitted;
  }
  queue_.push(std::move(task));
}

bool Executor::make_room() {
  const auto now = std::chrono::steady_clock::now();
  if (now - swept_ < kSweep) return false;
  swept_ = now;
  const auto over = [this](const Task& task) {
    // One that has passed its gate gives its leave back when a worker drops it.
    return task.id != 0 && !task.gate && options_.is_over(task.id);
  };
  return std::erase_if(unasked_, over) + queue_.remove_if(over) != 0;
}

void Executor::release(const std::shared_ptr<Gate>& gate) {
  if (!gate) return;
  {
    const std::lock_guard lock(mutex_);
    if (gate->parked.empty()) {
      --gate->admitted;
      return;
    }
    auto next = gate->parked.pop();
    next.gate = gate;  // and its leave
    queue_.push(std::move(next));
    --parked_;
  }
  ready_.notify_one();
}

std::size_t Executor::waiting() const {
  const std::lock_guard lock(mutex_);
  return queued() + parked_;
}

bool Executor::take(Task& task) {
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] { return stopping_ || queued() != 0; });
  if (stopping_) return take_job(task);
  if (!unasked_.empty()) {
    task = std::move(unasked_.front());
    unasked_.pop_front();
  } else {
    task = queue_.pop();
  }
  return true;
}

bool Executor::take_job(Task& task) {
  unasked_.clear();
  while (!queue_.empty()) {
    task = queue_.pop();
    if (task.id == 0) return true;
  }
  return false;
}

void Executor::work(unsigned worker) {
  options_.on_thread();
  Task task;
  while (take(task)) {
    if (task.id != 0) {
      options_.run(*this, std::exchange(task, {}), worker);
    } else {
      bool cancelled = false;
      {
        const std::lock_guard lock(mutex_);
        cancelled = stopping_;
      }
      const auto job = std::exchange(task, {}).job;
      try {
        job.run(job.data, cancelled ? 1 : 0);
      } catch (...) {  // NOLINT(bugprone-empty-catch) a plugin that does not keep to the ABI
      }
    }
  }
  const std::lock_guard lock(mutex_);
  if (--running_ == 0) left_.notify_all();
}

}  // namespace dojo::pipeline
