// What chaos_load asks the plugin `which`, and is told.
#pragma once

#include <cstdint>

#include <dojo/model.hpp>

namespace dojo::chaos {

struct Which {
  std::uint64_t nonce = 0;
};
DOJO_MODEL(Which, nonce)

struct Told {
  std::uint64_t nonce = 0;
  std::uint64_t instance = 0;  ///< another one each time the file is loaded
  std::int32_t version = 0;    ///< which file it is
};
DOJO_MODEL(Told, nonce, DOJO_DEFAULT(instance), DOJO_DEFAULT(version))

}  // namespace dojo::chaos
