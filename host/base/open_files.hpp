// How many descriptors this process may have.
#pragma once

#include <cstddef>

#include "base/log.hpp"

namespace dojo::base {

/// Raises the limit on open files as far as this user may, and warns if that leaves less than
/// `max_connections` and what the host needs beside them.
void raise_open_files(std::size_t max_connections, const Log& log);

}  // namespace dojo::base
