#include "net/listen.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/address.hpp"

namespace dojo::net {
namespace {

bool enable(int fd, int level, int option, int value = 1) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/// @return nothing, with errno set, if the system refuses
base::Descriptor make_one(int family) {
  base::Descriptor fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const bool ok = fd && enable(fd.get(), SOL_SOCKET, SO_REUSEADDR) &&
                  enable(fd.get(), IPPROTO_TCP, TCP_NODELAY) &&
                  (family != AF_INET6 || enable(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0));
  return ok ? std::move(fd) : base::Descriptor();
}

bool bind_one(int fd, const Options& options) {
  const auto ip = base::IpAddress::parse(options.address);
  sockaddr_storage address{};
  const socklen_t size = ip->to_sockaddr(options.port, address);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0;
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const auto* const v6 =
      reinterpret_cast<const sockaddr_in6*>(&address);  // the port's place is the same in both
  return ntohs(v6->sin6_port);
}

Unexpected<Error> refused(const Options& options) {
  return fail(fmt::format("cannot listen on {} port {}: {}", options.address, options.port,
                          std::generic_category().message(errno)));
}

}  // namespace

Result<Listeners> bind(const Options& options, unsigned count) {
  const auto ip = base::IpAddress::parse(options.address);
  if (!ip)
    return fail(fmt::format("cannot listen on \"{}\": write an IPv4 or IPv6 address, not a name",
                            options.address));
  Listeners out;
  for (unsigned i = 0; i < count; ++i) {
    sockaddr_storage address{};
    ip->to_sockaddr(0, address);
    out.sockets.push_back(make_one(address.ss_family));
    if (!out.sockets.back()) return refused(options);
  }
  const int first = out.sockets.front().get();
  if (!bind_one(first, options)) return refused(options);
  out.port = bound_port(first);
  return out;
}

Status listen(const Options& options, const std::vector<int>& sockets) {
  for (const int socket : sockets) {
    // The first listens without sharing, which fails if anybody else does, and then lets the others
    // in.
    const bool first = socket == sockets.front();
    const bool ok =
        (first || (enable(socket, SOL_SOCKET, SO_REUSEPORT) && bind_one(socket, options))) &&
        ::listen(socket, options.backlog) == 0 &&
        (!first || enable(socket, SOL_SOCKET, SO_REUSEPORT));
    if (!ok) return refused(options);
  }
  return {};
}

}  // namespace dojo::net
