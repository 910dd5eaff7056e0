// How many descriptors this process may have.
#pragma once

#include <cstddef>

#include "log.hpp"

namespace dojo::host {

/// Raises the limit on open files as far as this user may, and warns if that leaves less than
/// `max_connections` and what the host needs beside them.
void raise_open_files(std::size_t max_connections, const Log& log);

}  // namespace dojo::host
