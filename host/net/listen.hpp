// Listening sockets.
#pragma once

#include <cstdint>
#include <vector>

#include <dojo/result.hpp>

#include "net/descriptor.hpp"
#include "net/server.hpp"

namespace dojo::net {

struct Listeners {
  std::vector<Descriptor> sockets;
  std::uint16_t port = 0;
};

/// Binds `count` sockets to the same address and port, so that the kernel shares connections out
/// among them. Refuses a port that another process listens on, although SO_REUSEPORT alone would
/// let one of the same user in.
Result<Listeners> listen(const Options& options, unsigned count);

}  // namespace dojo::net
