// What plugins ask of their host, seen from the plugins' side of the fence.
#pragma once

#include <cstdint>
#include <string_view>

#include <dojo/plugin.h>

namespace dojo::plugins {

class Generation;

/// Behind the table that every generation is created with. All calls: any thread; none throws.
class Services {
 public:
  virtual ~Services() = default;
  /// As dojo_host.complete; `generation` is who calls, and may only answer its own requests.
  virtual std::int32_t complete(const Generation& generation, dojo_request_id id,
                                const dojo_response& response) noexcept = 0;
  virtual bool cancelled(const Generation& generation, dojo_request_id id) noexcept = 0;
  virtual void log(const Generation& generation, std::int32_t level, dojo_request_id id,
                   std::string_view text) noexcept = 0;
};

}  // namespace dojo::plugins
