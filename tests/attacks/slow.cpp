#include "slow.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dojo::attacks {
namespace {

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr int kPipelined = 64;
constexpr int kPoured = 2'000;
constexpr auto kRound = std::chrono::seconds(1);

std::string many(int count, const Source& next) {
  std::string all;
  for (int i = 0; i < count; ++i) all += next();
  return all;
}

std::string head_of(std::string request) {
  request.resize(request.find("\r\n\r\n") + 4);
  return request;
}

std::string all_but_one(std::string request) {
  request.pop_back();
  return request;
}

bool is_closed(int socket) {
  pollfd poll_fd{socket, POLLRDHUP, 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

}  // namespace

Slow::Slow(std::uint16_t port, Sources sources, std::size_t connections, std::vector<Idling> kinds,
           Source requests)
    : port_(port),
      sources_(sources),
      kinds_(std::move(kinds)),
      requests_(std::move(requests)),
      connections_(connections) {}

Slow::~Slow() {
  for (const auto& connection : connections_) {
    if (connection.socket >= 0) ::close(connection.socket);
  }
}

void Slow::run(Clock::duration time) {
  const auto start = Clock::now();
  const auto count = connections_.size();
  // Spread over the second, so that nothing comes in bursts.
  for (std::size_t visits = 0; Clock::now() < start + time; ++visits) {
    visit(visits % count);
    std::this_thread::sleep_until(start + kRound * (visits + 1) / count);
  }
}

std::size_t Slow::open() const {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(),
                    [](const Connection& connection) { return connection.socket >= 0; }));
}

void Slow::begin(std::size_t place) {
  auto& connection = connections_[place];
  connection = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), {}};
  ++tally_.sent;
  const sockaddr_in from{AF_INET, 0, sources_.of(place), {}};
  const sockaddr_in to{AF_INET, htons(port_), {htonl(INADDR_LOOPBACK)}, {}};
  const int small = 2'048;
  if (const auto kind = kind_of(place);
      kind == Idling::read || kind == Idling::keep || kind == Idling::pour) {
    setsockopt(connection.socket, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  }
  const int on = 1;
  setsockopt(connection.socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(connection.socket, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) {
    end(connection, Loss::local);
  } else if (connect(connection.socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    end(connection, Loss::refused);
  }
}

void Slow::visit(std::size_t place) {
  auto& connection = connections_[place];
  const auto kind = kind_of(place);
  std::string bytes;
  if (connection.socket < 0) {
    begin(place);
    bytes = first_bytes(kind);
  } else {
    bytes = next_bytes(connection, kind);
  }
  if (connection.socket < 0 || bytes.empty()) return;
  const auto sent =
      send(connection.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN) return end(connection, Loss::closed);
  if (kind != Idling::hold && kind != Idling::pour) return;
  connection.out = bytes.substr(sent < 0 ? 0 : static_cast<std::size_t>(sent));
}

std::string Slow::first_bytes(Idling kind) {
  switch (kind) {
    case Idling::head:
      return "POST /Echo HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ";
    case Idling::body:
    case Idling::wait:
      return head_of(requests_());
    case Idling::hold:
      return all_but_one(requests_());
    case Idling::keep:
      return requests_();
    case Idling::read:
      return many(kPipelined, [] { return std::string(kGet); });
    case Idling::pour:
      return many(kPoured, requests_);
  }
  return {};
}

/// Of one that is there; nothing if it is not any more, or keeps still.
std::string Slow::next_bytes(Connection& connection, Idling kind) {
  switch (kind) {
    case Idling::head:
    case Idling::body:
      read(connection);
      return "a";
    case Idling::wait:
      read(connection);
      return {};
    case Idling::hold:
      read(connection);
      return connection.out;
    case Idling::read:
      return std::string(kGet);
    case Idling::keep:
      if (is_closed(connection.socket)) end(connection, Loss::closed);
      return {};
    case Idling::pour:
      return connection.out.empty() ? many(kPoured, requests_) : connection.out;
  }
  return {};
}

void Slow::read(Connection& connection) {
  std::array<char, 4'096> buffer{};
  const auto count = recv(connection.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0 && errno == EAGAIN) return;
  if (count > 0) {
    const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
    ++tally_.codes[text.starts_with("HTTP/1.1 ") ? "http-" + std::string(text.substr(9, 3)) : "?"];
  }
  end(connection, Loss::closed);
}

void Slow::end(Connection& connection, Loss how) {
  ::close(connection.socket);
  connection.socket = -1;
  tally_.gone(how, false);
}

}  // namespace dojo::attacks
