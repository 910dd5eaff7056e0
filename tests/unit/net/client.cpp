#include "client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace dojo::net {

Client::Client(bool v6)
    : v6_(v6), fd_(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience{10, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

Client Client::to(std::uint16_t port) {
  Client client;
  client.connect(port);
  return client;
}

Client Client::to_v6(std::uint16_t port) {
  Client client(true);
  client.connect(port);
  return client;
}

bool Client::connect(std::uint16_t port) {
  if (v6_) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    address.sin6_addr = in6addr_loopback;
    return ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

void Client::shrink_receive_buffer(int bytes) {
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void Client::half_close() {
  ::shutdown(fd_.get(), SHUT_WR);
}

void Client::reset() {
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  [[maybe_unused]] const int done = ::connect(fd_.get(), &nowhere, sizeof nowhere);
}

bool Client::readable_within(std::chrono::milliseconds patience) {
  pollfd poll_fd{fd_.get(), POLLIN, 0};
  return ::poll(&poll_fd, 1, static_cast<int>(patience.count())) > 0;
}

bool Client::fill(std::chrono::milliseconds patience) {
  if (!readable_within(patience)) return false;
  std::array<char, 65'536> bytes{};
  const ssize_t count = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
  if (count <= 0) {
    ended_with_reset_ = count < 0;
    return false;
  }
  buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

std::optional<Reply> Client::read_reply(bool to_head) {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(kPatience)) return std::nullopt;
  }
  Reply reply;
  reply.head = buffer_.substr(0, end + 2);
  reply.status = std::stoi(reply.head.substr(9, 3));
  buffer_.erase(0, end + 4);
  const std::size_t at = reply.head.find("Content-Length: ");
  const std::size_t length =
      at == std::string::npos || to_head ? 0 : std::stoul(reply.head.substr(at + 16));
  while (buffer_.size() < length) {
    if (!fill(kPatience)) return std::nullopt;
  }
  reply.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return reply;
}

std::optional<std::string> Client::read_chunk() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill(kPatience)) return std::nullopt;
  }
  const std::size_t size = std::stoul(buffer_.substr(0, end), nullptr, 16);
  const std::size_t whole = end + 2 + size + 2;
  while (buffer_.size() < whole) {
    if (!fill(kPatience)) return std::nullopt;
  }
  auto chunk = buffer_.substr(end + 2, size);
  buffer_.erase(0, whole);
  return chunk;
}

std::optional<std::string> Client::read_chunks() {
  std::string all;
  for (;;) {
    const auto chunk = read_chunk();
    if (!chunk) return std::nullopt;
    if (chunk->empty()) return all;
    all += *chunk;
  }
}

bool Client::at_end(std::chrono::milliseconds patience) {
  if (!buffer_.empty() || !readable_within(patience)) return false;
  char byte = 0;
  return ::recv(fd_.get(), &byte, 1, MSG_PEEK) <= 0;
}

std::string Client::read_all() {
  while (fill(kPatience)) {
  }
  return std::exchange(buffer_, {});
}

bool Client::ends_orderly() {
  read_all();
  return !ended_with_reset_;
}

std::string request(const std::string& target, const std::string& headers, const std::string& body,
                    const std::string& method) {
  return method + ' ' + target + " HTTP/1.1\r\nHost: miner\r\n" + headers + "\r\n" + body;
}

std::string post(const std::string& target, const std::string& body) {
  return request(target, "Content-Length: " + std::to_string(body.size()) + "\r\n", body, "POST");
}

}  // namespace dojo::net
