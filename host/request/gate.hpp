// A route's own limit on requests handled at once.
#pragma once

#include <cstdint>

#include "request/fair_queue.hpp"

namespace dojo::request {

/// State of the executor's, which alone touches it, under its lock.
struct Gate {
  explicit Gate(std::uint32_t most) : limit(most), parked(most) {}
  const std::uint32_t limit;
  std::uint32_t admitted = 0;  ///< running, or in the queue with leave to run
  FairQueue parked;            ///< waiting for one of those to end
};

}  // namespace dojo::request
