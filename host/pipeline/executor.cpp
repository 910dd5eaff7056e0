#include "pipeline/executor.hpp"

#include <algorithm>
#include <utility>

namespace dojo::pipeline {

Executor::Executor(unsigned workers, std::size_t capacity, Run run)
    : run_(std::move(run)), capacity_(capacity) {
  workers_.reserve(std::max(1u, workers));
  for (unsigned i = 0; i < std::max(1u, workers); ++i) workers_.emplace_back([this] { work(); });
}

void Executor::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
}

bool Executor::push(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    if (task.gate && task.gate->admitted >= task.gate->limit) {
      if (task.gate->parked.size() >= capacity_) return false;
      task.gate->parked.push_back(task.id);
      ++parked_;
      return true;
    }
    if (queue_.size() >= capacity_) return false;
    if (task.gate) ++task.gate->admitted;
    queue_.push_back(std::move(task));
  }
  ready_.notify_one();
  return true;
}

void Executor::release(const std::shared_ptr<Gate>& gate) {
  if (!gate) return;
  {
    const std::lock_guard lock(mutex_);
    if (gate->parked.empty()) {
      --gate->admitted;
      return;
    }
    // It takes over the place. It has waited its turn already: to the front.
    queue_.push_front({gate->parked.front(), gate});
    gate->parked.pop_front();
    --parked_;
  }
  ready_.notify_one();
}

std::size_t Executor::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() + parked_;
}

bool Executor::take(Task& task) {
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (stopping_) return false;
  task = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

void Executor::work() {
  Task task;
  while (take(task)) {
    run_(task);
    task = {};  // no reference is kept while waiting
  }
}

}  // namespace dojo::pipeline
