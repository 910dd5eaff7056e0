// The streams that a plugin is writing. See stream.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <dojo/cxx20.hpp>
#include <dojo/plugin.h>

namespace dojo::detail {

/// An answer that may have to wait for who reads it.
class Flow {
 public:
  Flow() = default;
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;
  virtual ~Flow() = default;
  /// dojo_plugin.resume
  virtual void resume() noexcept = 0;
};

/// Any thread.
class Flows {
 public:
  /// @param kept who alone has it; where it is null, others do
  void add(dojo_request_id id, const std::shared_ptr<Flow>& flow, std::shared_ptr<Flow> kept) {
    const std::lock_guard lock(mutex_);
    flows_[id] = {flow, std::move(kept)};
  }
  void remove(dojo_request_id id) {
    Entry gone;  // after the lock, since its end may run the plugin's code
    const std::lock_guard lock(mutex_);
    const auto found = flows_.find(id);
    if (found == flows_.end()) return;
    gone = std::move(found->second);
    flows_.erase(found);
  }
  void resume(dojo_request_id id) noexcept {
    if (const auto flow = find(id)) flow->resume();
  }
  /// None runs, and none will.
  void clear() {
    std::unordered_map<dojo_request_id, Entry> gone;
    const std::lock_guard lock(mutex_);
    gone.swap(flows_);
  }

 private:
  struct Entry {
    std::weak_ptr<Flow> flow;
    std::shared_ptr<Flow> kept;
  };
  [[nodiscard]] std::shared_ptr<Flow> find(dojo_request_id id) {
    const std::lock_guard lock(mutex_);
    const auto found = flows_.find(id);
    return found == flows_.end() ? nullptr : found->second.flow.lock();
  }

  std::mutex mutex_;
  std::unordered_map<dojo_request_id, Entry> flows_;
};

}  // namespace dojo::detail
