// Who asks for what, as a request's head says: claimed, not proven yet.
#pragma once

#include <chrono>
#include <string_view>

#include <dojo/wire/ss58.hpp>

#include "base/address.hpp"

namespace dojo::policy {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

struct Visit {
  wire::PublicKey hotkey{};
  base::IpAddress ip;
  std::string_view route;  ///< the model's name, without the slash; empty for a path that has none
};

}  // namespace dojo::policy
