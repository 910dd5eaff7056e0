// What plugins ask of their host, seen from the plugins' side of the fence.
#pragma once

#include <cstdint>
#include <string_view>

#include <dojo/plugin.h>

namespace dojo::plugins {

class Generation;

/// Work that a plugin has posted (dojo.executor/1).
struct Job {
  void (*run)(void* data, std::int32_t cancelled) = nullptr;
  void* data = nullptr;
};

/// A dojo_response.status beside the ABI's, which only Isolated uses: the process that had the
/// request has ended. The caller is told 503, code internal. `error` goes to the log.
inline constexpr std::uint32_t kWorkerDied = 1'000;

/// Behind the table that every generation is created with. All calls: any thread; none throws.
class Services {
 public:
  virtual ~Services() = default;
  /// As dojo_host.complete; `generation` is who calls, and may only answer its own requests.
  virtual std::int32_t complete(const Generation& generation, dojo_request_id id,
                                const dojo_response& response) noexcept = 0;
  /// As dojo_host.write; after DOJO_FULL Generation::resume() follows.
  virtual std::int32_t write(const Generation& generation, dojo_request_id id,
                             std::string_view chunk) noexcept = 0;
  /// Has Generation::resume() called once there is room for more of an answer, as if write() had
  /// returned DOJO_FULL.
  virtual void await_room(const Generation& generation, dojo_request_id id) noexcept = 0;
  virtual bool cancelled(const Generation& generation, dojo_request_id id) noexcept = 0;
  virtual void log(const Generation& generation, std::int32_t level, dojo_request_id id,
                   std::string_view text) noexcept = 0;
  virtual void count(const Generation& generation, std::string_view name,
                     double amount) noexcept = 0;
  virtual void observe(const Generation& generation, std::string_view name,
                       double value) noexcept = 0;
  /// @return false: too much is waiting; the job is still the caller's.
  virtual bool post(const Generation& generation, Job job) noexcept = 0;
};

}  // namespace dojo::plugins
