// Settings that many threads read and few change.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace dojo::base {

/// A value that is replaced whole. Whoever reads it costs one look at a number, unless it is
/// another value than the thread has read last. A thread keeps the one it has read until it reads
/// the next. Any thread.
template <class T>
class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const T> value) { publish(std::move(value)); }

  /// From now on others read this.
  void publish(std::shared_ptr<const T> value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
    // Of all values of this type, whichever Snapshot they are in, so that a thread's last one can
    // be told from those of others.
    static std::atomic<std::uint64_t> versions{0};
    version_.store(++versions, std::memory_order_release);
  }
  /// @return the value in force; valid until this thread calls read() of a Snapshot<T> again
  [[nodiscard]] const T& read() const {
    struct Last {
      std::uint64_t version = 0;
      std::shared_ptr<const T> value;
    };
    thread_local Last last;
    if (last.version != version_.load(std::memory_order_acquire)) {
      const std::lock_guard lock(mutex_);
      last = {version_.load(std::memory_order_relaxed), value_};
    }
    return *last.value;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;  // guarded by mutex_
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace dojo::base
