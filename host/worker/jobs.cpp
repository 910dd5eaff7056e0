#include "worker/jobs.hpp"

#include <exception>
#include <utility>

namespace dojo::worker {
namespace {

constexpr std::size_t kMostWaiting = 4096;

void run(const plugins::Job& job, std::int32_t cancelled) noexcept {
  job.run(job.data, cancelled);
}

}  // namespace

bool Jobs::post(plugins::Job job) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waiting_.size() >= kMostWaiting) return false;
    while (threads_.size() < wanted_) threads_.emplace_back([this] { work(); });
    waiting_.push_back(job);
    wake_.notify_one();
    return true;
  } catch (const std::exception&) {  // the process is at its limits
    return false;
  }
}

void Jobs::stop() {
  std::vector<std::thread> threads;
  std::deque<plugins::Job> left;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
    left.swap(waiting_);
  }
  wake_.notify_all();
  for (auto& thread : threads) thread.join();
  for (const auto& job : left) run(job, 1);
}

void Jobs::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const auto job = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    run(job, 0);
    lock.lock();
  }
}

}  // namespace dojo::worker
