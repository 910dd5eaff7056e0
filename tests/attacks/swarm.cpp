#include "swarm.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dojo::attacks {
namespace {

constexpr std::size_t kLongestHead = 64 << 10;
constexpr std::size_t kEventsAtOnce = 256;

struct Reading {
  Answer answer;
  std::size_t length = 0;  // of head and body
  bool closes = false;
};

/// The value of a header, for the few that are looked at. They are the server's own, well known.
std::string_view field(std::string_view head, std::string_view name) {
  for (auto line = head.find("\r\n"); line != std::string_view::npos;
       line = head.find("\r\n", line + 2)) {
    const auto rest = head.substr(line + 2);
    const auto same = rest.size() > name.size() && rest[name.size()] == ':' &&
                      std::equal(name.begin(), name.end(), rest.begin(), [](char a, char b) {
                        return std::tolower(static_cast<unsigned char>(a)) ==
                               std::tolower(static_cast<unsigned char>(b));
                      });
    if (!same) continue;
    auto value = rest.substr(name.size() + 1);
    value = value.substr(0, value.find("\r\n"));
    value.remove_prefix(std::min(value.size(), value.find_first_not_of(' ')));
    return value;
  }
  return {};
}

/// An answer at the beginning of `in`; nothing if it is not whole, an error if it is none.
std::optional<Reading> read_answer(std::string_view in, bool& broken) {
  const auto end = in.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    broken = in.size() > kLongestHead;
    return std::nullopt;
  }
  const auto head = in.substr(0, end);
  Reading reading;
  const auto length = field(head, "content-length");
  const auto* const status_end = head.data() + std::min<std::size_t>(head.size(), 12);
  if (!head.starts_with("HTTP/1.1 ") ||
      std::from_chars(head.data() + 9, status_end, reading.answer.status).ec != std::errc{} ||
      std::from_chars(length.data(), length.data() + length.size(), reading.answer.body).ec !=
          std::errc{}) {
    broken = true;
    return std::nullopt;
  }
  reading.length = end + 4 + reading.answer.body;
  if (in.size() < reading.length) return std::nullopt;
  reading.answer.code = field(head, "x-dojo-code");
  if (reading.answer.code.empty()) {
    reading.answer.code = fmt::format("http-{}", reading.answer.status);
  }
  reading.closes = field(head, "connection") == "close";
  return reading;
}

}  // namespace

std::string_view to_string(Loss loss) {
  constexpr std::array<std::string_view, kLosses> kWords{"refused", "closed", "cut", "slow",
                                                         "local"};
  return kWords[static_cast<std::size_t>(loss)];
}

Sources::Sources(const std::string& first, std::size_t count) : first_(0), count_(count) {
  in_addr address{};
  if (count == 0 || inet_pton(AF_INET, first.c_str(), &address) != 1) {
    fmt::print(stderr, "no source addresses: {} of {}\n", count, first);
    std::exit(2);
  }
  first_ = ntohl(address.s_addr);
}

in_addr Sources::of(std::size_t place) const {
  return {htonl(first_ + static_cast<std::uint32_t>(place % count_))};
}

Swarm::Swarm(Owner& owner, std::uint16_t port, Clock::duration patience)
    : owner_(owner), port_(port), patience_(patience), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Swarm::~Swarm() {
  for (const auto& connection : connections_) {
    if (connection.socket >= 0) ::close(connection.socket);
  }
  ::close(epoll_);
}

std::size_t Swarm::open(in_addr source) {
  std::size_t number = connections_.size();
  if (unused_.empty()) {
    connections_.emplace_back();
  } else {
    number = unused_.back();
    unused_.pop_back();
  }
  auto& connection = connections_[number];
  connection.state = State::failed;
  connection.since = Clock::now();
  connection.socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_in from{AF_INET, 0, source, {}};
  const sockaddr_in to{AF_INET, htons(port_), {htonl(INADDR_LOOPBACK)}, {}};
  const int on = 1;
  if (connection.socket >= 0 &&
      setsockopt(connection.socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0 &&
      setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
      bind(connection.socket, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0 &&
      (connect(connection.socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ||
       errno == EINPROGRESS)) {
    connection.state = State::connecting;
    watch(number, EPOLL_CTL_ADD, EPOLLOUT | EPOLLIN | EPOLLRDHUP);
  } else {
    failed_.push_back(number);
  }
  return number;
}

void Swarm::watch(std::size_t number, int operation, std::uint32_t events) const {
  const auto& connection = connections_[number];
  epoll_event event{};
  event.events = events;
  event.data.u64 = std::uint64_t{connection.round} << 32 | number;
  epoll_ctl(epoll_, operation, connection.socket, &event);
}

void Swarm::ask(std::size_t number, std::string bytes) {
  auto& connection = connections_[number];
  connection.state = State::asked;
  connection.out = std::move(bytes);
  connection.sent = 0;
  connection.since = Clock::now();
  ++under_way_;
  write(number);
}

void Swarm::run(Clock::time_point until) {
  do {
    step(until);
  } while (Clock::now() < until);
}

void Swarm::step(Clock::time_point until) {
  for (const auto number : std::exchange(failed_, {})) end(number, Loss::local);
  wait(failed_.empty() ? until : Clock::now());
  if (Clock::now() >= next_look_) give_up_slow_ones();
}

void Swarm::wait(Clock::time_point until) {
  const auto left = std::clamp<std::chrono::nanoseconds>(
      until - Clock::now(), std::chrono::nanoseconds{0}, std::chrono::milliseconds{100});
  const timespec timeout{0, left.count()};
  std::array<epoll_event, kEventsAtOnce> events{};
  const int count = epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    const auto number = static_cast<std::size_t>(event.data.u64 & 0xFFFF'FFFF);
    if (connections_[number].round == event.data.u64 >> 32) handle(number, event.events);
  }
}

void Swarm::handle(std::size_t number, std::uint32_t events) {
  const auto round = connections_[number].round;
  if (connections_[number].state == State::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connections_[number].socket, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      end(number, error == EADDRNOTAVAIL ? Loss::local : Loss::refused);
      return;
    }
    connections_[number].state = State::idle;
    watch(number, EPOLL_CTL_MOD, EPOLLIN | EPOLLRDHUP);
    owner_.on_ready(number);
  } else if ((events & EPOLLOUT) != 0) {
    write(number);
  }
  if (connections_[number].round == round && (events & ~std::uint32_t{EPOLLOUT}) != 0) read(number);
}

void Swarm::write(std::size_t number) {
  auto& connection = connections_[number];
  while (connection.sent < connection.out.size()) {
    const auto sent = send(connection.socket, connection.out.data() + connection.sent,
                           connection.out.size() - connection.sent, MSG_NOSIGNAL);
    if (sent < 0) {
      // The end of a connection is seen while reading, where an early answer may still be.
      if (errno == EAGAIN && !connection.stuck) {
        connection.stuck = true;
        watch(number, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
      }
      return;
    }
    connection.sent += static_cast<std::size_t>(sent);
  }
  if (connection.stuck) watch(number, EPOLL_CTL_MOD, EPOLLIN | EPOLLRDHUP);
  connection.stuck = false;
}

void Swarm::read(std::size_t number) {
  const auto round = connections_[number].round;
  std::array<char, 16'384> buffer{};
  while (connections_[number].round == round) {
    const auto count = recv(connections_[number].socket, buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
      end(number, connections_[number].in.empty() ? Loss::closed : Loss::cut);
      return;
    }
    connections_[number].in.append(buffer.data(), static_cast<std::size_t>(count));
    if (!take_answer(number) || static_cast<std::size_t>(count) < buffer.size()) return;
  }
}

/// @return whether there may be more to read
bool Swarm::take_answer(std::size_t number) {
  auto& connection = connections_[number];
  bool broken = false;
  const auto reading = read_answer(connection.in, broken);
  // A server may speak unasked, to say why it closes a connection; nothing else is right then.
  if (broken || (reading && connection.state != State::asked)) {
    end(number, reading ? Loss::closed : Loss::cut);
    return false;
  }
  if (!reading) return true;
  connection.in.erase(0, reading->length);
  connection.state = State::idle;
  --under_way_;
  owner_.on_answer(number, reading->answer);
  if (reading->closes) {
    end(number, Loss::closed);
  } else {
    owner_.on_ready(number);
  }
  return false;
}

void Swarm::end(std::size_t number, Loss how) {
  auto& connection = connections_[number];
  const bool owed = connection.state == State::asked;
  if (owed) --under_way_;
  if (connection.socket >= 0) ::close(connection.socket);
  const auto round = connection.round + 1;
  connection = Connection{};
  connection.round = round;
  unused_.push_back(number);
  owner_.on_gone(number, how, owed);
}

void Swarm::give_up_slow_ones() {
  const auto now = Clock::now();
  next_look_ = now + std::chrono::milliseconds(100);
  for (std::size_t number = 0; number < connections_.size(); ++number) {
    const auto& connection = connections_[number];
    const bool waits = connection.state == State::asked || connection.state == State::connecting;
    if (waits && now - connection.since > patience_) end(number, Loss::slow);
  }
}

}  // namespace dojo::attacks
