// What hooks have had read of a request's body, until its handler takes it. See route.hpp.
#pragma once

#include <any>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <dojo/cxx20.hpp>
#include <dojo/plugin.h>

namespace dojo::detail {

/// Any thread. Whatever is not here is read again, so nothing hangs on it but time
/// (docs/decisions/readings.md).
class Readings {
 public:
  /// What all of it may take, in bytes; one reading alone may take more.
  static constexpr std::size_t kMost = std::size_t{64} << 20;

  /// What was kept for a request, if it is a `T`.
  template <class T>
  [[nodiscard]] std::shared_ptr<T> find(const dojo_request& request) const {
    if (none_) return nullptr;
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(key_of(request));
    return found == kept_.end() ? nullptr : as<T>(found->second.reading);
  }
  /// The same, and from now on it is not here.
  template <class T>
  [[nodiscard]] std::shared_ptr<T> take(const dojo_request& request) {
    return as<T>(remove(request));
  }
  /// Its request is not to be handled.
  void drop(const dojo_request& request) { (void)remove(request); }

  /// Keeps what was read for a request that knows its call, until the request's deadline, if there
  /// is room. @param bytes that it takes @param now_ns on the deadline's clock
  template <class T>
  void keep(const dojo_request& request, std::shared_ptr<T> reading, std::size_t bytes,
            std::uint64_t now_ns) {
    if (request.call == 0) return;
    const std::lock_guard lock(mutex_);
    // Requests that never came to their handler: none will after its deadline.
    while (!kept_.empty() && kept_.begin()->first.first <= now_ns) erase(kept_.begin());
    if (!kept_.empty() && (bytes > kMost || bytes_ > kMost - bytes)) return;
    if (!kept_.try_emplace(key_of(request), Kept{std::move(reading), bytes}).second) return;
    bytes_ += bytes;
    none_ = false;
  }

 private:
  struct Kept {
    std::any reading;
    std::size_t bytes = 0;
  };
  using Key = std::pair<std::uint64_t, std::uint64_t>;  // deadline, call
  using Map = std::map<Key, Kept>;

  static Key key_of(const dojo_request& request) { return {request.deadline_ns, request.call}; }
  template <class T>
  static std::shared_ptr<T> as(const std::any& reading) {
    const auto* const held = std::any_cast<std::shared_ptr<T>>(&reading);
    return held == nullptr ? nullptr : *held;
  }
  std::any remove(const dojo_request& request) {
    if (none_) return {};
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(key_of(request));
    if (found == kept_.end()) return {};
    auto reading = std::move(found->second.reading);
    erase(found);
    return reading;
  }
  void erase(Map::iterator kept) {
    bytes_ -= kept->second.bytes;
    kept_.erase(kept);
    none_ = kept_.empty();
  }

  mutable std::mutex mutex_;
  Map kept_;
  std::size_t bytes_ = 0;
  std::atomic<bool> none_{true};  // so that routes without such hooks do not lock
};

}  // namespace dojo::detail
