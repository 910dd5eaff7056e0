// The host's own numbers, as metrics show them.
#pragma once

#include <vector>

#include "access/replay_memory.hpp"
#include "admin/metrics.hpp"
#include "net/server.hpp"
#include "pipeline/pipeline.hpp"
#include "wire/known_keys.hpp"

namespace dojo::host {

/// Any thread.
std::vector<admin::Family> families_of(const net::Counters& net, const pipeline::Pipeline& pipeline,
                                       const access::ReplayMemory& seen,
                                       const wire::KnownKeys::Sizes& known_keys,
                                       access::Access& access);

}  // namespace dojo::host
