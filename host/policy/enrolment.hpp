// Whether a hotkey is somebody on the subnet.
#pragma once

#include <cstdint>

namespace dojo::policy {

struct Enrolment {
  bool registered = true;  ///< a neuron of the metagraph; where there is none, everybody is
  std::uint64_t roll = 0;  ///< another one when others are registered
};

}  // namespace dojo::policy
