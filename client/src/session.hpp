// A session with one peer, as its requests need it.
#pragma once

#include <cstdint>
#include <string>

#include <dojo/wire/session.hpp>

namespace dojo::detail {

/// A session that is open.
struct Session {
  wire::SessionKey key;
  wire::SessionId id{};
  std::string receiver;  ///< the host's address
  wire::SessionTime expires;
  std::uint64_t count = 0;  ///< of its requests; the I/O thread's
};

}  // namespace dojo::detail
