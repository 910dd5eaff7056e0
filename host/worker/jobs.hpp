// dojo.executor/1 in a worker process.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "plugins/run/services.hpp"

namespace dojo::worker {

/// Runs what a plugin posts, on threads of its own: those of the lanes wait for the host.
class Jobs {
 public:
  explicit Jobs(unsigned threads) : wanted_(threads) {}
  ~Jobs() { stop(); }
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  /// Any thread. The first call starts the threads. @return false: too much is waiting, or it has
  /// been stopped, or there are no threads to be had
  bool post(plugins::Job job) noexcept;
  /// Waits for what runs, and cancels what waits. Nothing is taken any more.
  void stop();

 private:
  void work();

  const unsigned wanted_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<plugins::Job> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace dojo::worker
