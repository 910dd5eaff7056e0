// The requests that the plugin in this process has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include <dojo/plugin.h>

#include "plugins/run/lane.hpp"

namespace dojo::worker {

/// A request from its arrival until it is completed; its bytes live as long.
struct OpenRequest {
  plugins::Held bytes;
  std::uint64_t deadline_ns = 0;
  bool cancelled = false;
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
    return found == open_.end() || found->second.cancelled || now_ns >= found->second.deadline_ns;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<dojo_request_id, OpenRequest> open_;
};

}  // namespace dojo::worker
