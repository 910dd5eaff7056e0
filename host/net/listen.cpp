#include "net/listen.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/address.hpp"

namespace dojo::net {
namespace {

bool enable(int fd, int level, int option, int value = 1) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/// @return nothing, with errno set, if the system refuses
Descriptor bind_one(const sockaddr_storage& address, socklen_t size, bool shared) {
  Descriptor fd(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const bool ok =
      fd && enable(fd.get(), SOL_SOCKET, SO_REUSEADDR) &&
      (!shared || enable(fd.get(), SOL_SOCKET, SO_REUSEPORT)) &&
      enable(fd.get(), IPPROTO_TCP, TCP_NODELAY) &&
      (address.ss_family != AF_INET6 || enable(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0)) &&
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
  return ok ? std::move(fd) : Descriptor();
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const auto* const v6 =
      reinterpret_cast<const sockaddr_in6*>(&address);  // the port's place is the same in both
  return ntohs(v6->sin6_port);
}

}  // namespace

Result<Listeners> listen(const Options& options, unsigned count) {
  const auto ip = IpAddress::parse(options.address);
  if (!ip)
    return fail(fmt::format("cannot listen on \"{}\": write an IPv4 or IPv6 address, not a name",
                            options.address));
  const auto refused = [&] {
    return fail(fmt::format("cannot listen on {} port {}: {}", options.address, options.port,
                            std::generic_category().message(errno)));
  };
  sockaddr_storage address{};
  Listeners out;
  out.port = options.port;
  for (unsigned i = 0; i < count; ++i) {
    const socklen_t size = ip->to_sockaddr(out.port, address);
    // The first binds without sharing, which fails if anybody else has the port, and then lets the
    // others in.
    Descriptor fd = bind_one(address, size, i > 0);
    if (!fd || !enable(fd.get(), SOL_SOCKET, SO_REUSEPORT)) return refused();
    out.port = bound_port(fd.get());
    out.sockets.push_back(std::move(fd));
  }
  for (const auto& fd : out.sockets) {
    if (::listen(fd.get(), options.backlog) != 0) return refused();
  }
  return out;
}

}  // namespace dojo::net
