// A generation and the threads that work for it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dojo/wire/ss58.hpp>

#include "base/threads.hpp"
#include "plugins/run/generation.hpp"
#include "request/executor.hpp"
#include "wire/key_hash.hpp"

namespace dojo::request {

/// Workers belong to one generation: what its code leaves in a thread's own storage goes with them,
/// and a plugin that keeps its workers busy keeps nobody else's. Any thread.
class Crew {
 public:
  Crew(std::shared_ptr<plugins::Generation> generation, Executor::Options options)
      : generation_(std::move(generation)), executor_(std::move(options)) {}

  [[nodiscard]] plugins::Generation& generation() const { return *generation_; }
  [[nodiscard]] Executor& executor() { return executor_; }

  /// A request's place with this crew, from the moment it is routed here until nothing of it is
  /// left.
  class Stay {
   public:
    Stay() = default;
    explicit Stay(Crew& crew) : crew_(&crew) { ++crew.open_; }
    Stay(Stay&& other) noexcept : crew_(std::exchange(other.crew_, nullptr)) {}
    Stay& operator=(Stay&& other) noexcept {
      std::swap(crew_, other.crew_);
      return *this;
    }
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;
    ~Stay() {
      if (crew_ != nullptr) crew_->leave();
    }

   private:
    Crew* crew_ = nullptr;
  };
  [[nodiscard]] std::size_t open() const { return open_; }
  /// Blocks until no request has a place here, or until `limit`. @return whether none has
  bool wait_until_idle(std::chrono::milliseconds limit) {
    retiring_ = true;
    std::unique_lock lock(mutex_);
    return idle_.wait_for(lock, limit, [this] { return open_ == 0; });
  }

  /// Nobody waits for this crew's requests any more.
  void cancel() { cancelled_ = true; }
  [[nodiscard]] bool cancelled() const { return cancelled_; }

  /// Requests that a handler has answered, and those for which it failed or was too late.
  void count(const wire::PublicKey& caller, bool failed) noexcept {
    ++(failed ? failed_ : answered_);
    threads::guard([&] { count_by_caller(caller, failed); }, [](std::string_view) {});
  }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }
  /// As plugins::Roster.
  [[nodiscard]] std::vector<double> failures_by_caller() const {
    std::vector<double> parts;
    const std::lock_guard lock(counting_);
    parts.reserve(callers_.size());
    for (const auto& [caller, count] : callers_)
      parts.push_back(static_cast<double>(count.failed) / static_cast<double>(count.all));
    return parts;
  }

 private:
  static constexpr std::size_t kMostCallers = 4'096;
  struct Count {
    std::uint64_t all = 0;
    std::uint64_t failed = 0;
  };

  void count_by_caller(const wire::PublicKey& caller, bool failed) {
    const std::lock_guard lock(counting_);
    if (callers_.size() >= kMostCallers && !callers_.contains(caller)) return;
    auto& count = callers_[caller];
    ++count.all;
    if (failed) ++count.failed;
  }
  void leave() {
    if (--open_ != 0 || !retiring_) return;
    const std::lock_guard lock(mutex_);
    idle_.notify_all();
  }

  const std::shared_ptr<plugins::Generation> generation_;
  std::atomic<std::size_t> open_{0};
  std::atomic<bool> retiring_{false};
  std::atomic<bool> cancelled_{false};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> failed_{0};
  mutable std::mutex counting_;
  std::unordered_map<wire::PublicKey, Count, wire::KeyHash> callers_;
  std::mutex mutex_;
  std::condition_variable idle_;
  Executor executor_;  // last: its threads end first
};

}  // namespace dojo::request
