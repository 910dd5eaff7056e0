// The requests that the plugin in this process has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include <dojo/plugin.h>

#include "plugins/run/lane.hpp"
#include "plugins/run/worker_messages.hpp"

namespace dojo::worker {

/// A request from its arrival until it is completed; its bytes live as long.
struct OpenRequest {
  plugins::Held bytes;
  std::uint64_t deadline_ns = 0;
  bool cancelled = false;
  bool streams = false;     ///< it has written a chunk: the deadline was that one's
  std::size_t written = 0;  ///< bytes of chunks since there was room for plugins::kWindow
};

/// Any thread.
class OpenRequests {
 public:
  void put(dojo_request_id id, OpenRequest request) {
    const std::lock_guard lock(mutex_);
    open_.insert_or_assign(id, std::move(request));
  }
  /// Whoever gets it may complete it; all others get nothing.
  std::optional<OpenRequest> take(dojo_request_id id) {
    const std::lock_guard lock(mutex_);
    auto node = open_.extract(id);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
  }
  void cancel(dojo_request_id id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(id); found != open_.end()) found->second.cancelled = true;
  }
  [[nodiscard]] bool cancelled(dojo_request_id id, std::uint64_t now_ns) const {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(id);
    return found == open_.end() || found->second.cancelled ||
           (!found->second.streams && now_ns >= found->second.deadline_ns);
  }
  /// Takes room for one chunk. @return DOJO_OK, DOJO_FULL or DOJO_STALE
  std::int32_t write(dojo_request_id id, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(id);
    if (found == open_.end() || found->second.cancelled) return DOJO_STALE;
    auto& request = found->second;
    if (request.written >= plugins::kWindow) return DOJO_FULL;
    request.written += bytes + plugins::kAroundChunk;
    request.streams = true;
    return DOJO_OK;
  }
  /// There is room again.
  void refill(dojo_request_id id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(id); found != open_.end()) found->second.written = 0;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<dojo_request_id, OpenRequest> open_;
};

}  // namespace dojo::worker
