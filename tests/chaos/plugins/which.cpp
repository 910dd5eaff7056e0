// Says which file and which load of it has answered: VERSION is compiled in, `instance` is made
// anew each time the file is loaded.
#include <cstdint>
#include <random>

#include <dojo/plugin.hpp>

namespace {

const std::uint64_t kInstance = std::random_device{}() | std::uint64_t{std::random_device{}()}
                                                             << 32;

struct Which {
  std::uint64_t nonce = 0;
};
DOJO_MODEL(Which, nonce)

struct Told {
  std::uint64_t nonce = 0;
  std::uint64_t instance = 0;
  std::int32_t version = 0;
};
DOJO_MODEL(Told, nonce, instance, version)

Told which(Which request) {
  return {request.nonce, kInstance, VERSION};
}

}  // namespace

DOJO_PLUGIN("which", "1.0.0", dojo::handle(which))
