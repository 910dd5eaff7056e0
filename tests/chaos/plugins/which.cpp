// Says which file and which load of it has answered: VERSION is compiled in, `instance` is made
// anew each time the file is loaded.
#include "which.hpp"

#include <cstdint>
#include <random>

#include <dojo/plugin.hpp>

namespace {

const std::uint64_t kInstance = std::random_device{}() | std::uint64_t{std::random_device{}()}
                                                             << 32;

using dojo::chaos::Told;
using dojo::chaos::Which;

Told which(Which request) {
  return {request.nonce, kInstance, VERSION};
}

}  // namespace

DOJO_PLUGIN("which", "1.0.0", dojo::handle(which))
