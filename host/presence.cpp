#include "presence.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

namespace dojo::host {

base::Descriptor claim_hotkey(std::string_view hotkey) {
  base::Descriptor claim(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const auto text = '\0' + ("dojo-host " + std::string(hotkey));
  const auto size = std::min(text.size(), sizeof name.sun_path);
  std::copy_n(text.begin(), size, name.sun_path);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  if (!claim || ::bind(claim.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0)
    return {};
  return claim;
}

}  // namespace dojo::host
