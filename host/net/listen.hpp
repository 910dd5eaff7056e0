// Listening sockets.
#pragma once

#include <cstdint>
#include <vector>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"
#include "net/server.hpp"

namespace dojo::net {

struct Listeners {
  std::vector<base::Descriptor> sockets;
  std::uint16_t port = 0;
};

/// Makes `count` sockets, and binds the first to the address and port. Refuses a port that another
/// process listens on.
Result<Listeners> bind(const Options& options, unsigned count);

/// Until now callers were refused by the kernel; from now on they wait to be accepted, and the
/// kernel shares them out among the sockets. Refuses a port that another process listens on,
/// although SO_REUSEPORT alone would let one of the same user in.
/// @param options with the port that was bound
Status listen(const Options& options, const std::vector<int>& sockets);

}  // namespace dojo::net
