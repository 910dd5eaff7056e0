// The host's own numbers, as metrics show them.
#pragma once

#include <vector>

#include "base/metrics.hpp"
#include "net/server.hpp"
#include "policy/replay/replay_memory.hpp"
#include "policy/session/session_store.hpp"
#include "request/pipeline.hpp"
#include "wire/known_keys.hpp"

namespace dojo::host {

/// Any thread.
std::vector<base::Family> families_of(const net::Counters& net, const net::Budgets& budgets,
                                      const request::Pipeline& pipeline,
                                      const policy::ReplayMemory& seen,
                                      const wire::KnownKeys::Sizes& known_keys,
                                      const policy::SessionStore::Sizes& sessions,
                                      policy::Access& access);

}  // namespace dojo::host
