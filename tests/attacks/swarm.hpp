// Many HTTP/1.1 connections to one host on loopback, on one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>

namespace dojo::attacks {

using Clock = std::chrono::steady_clock;

struct Answer {
  int status = 0;
  std::string code;      ///< x-dojo-code; "http-<status>" for an answer without one
  std::size_t body = 0;  ///< its length
};

/// How a connection went.
enum class Loss : std::uint8_t {
  refused,  ///< could not connect
  closed,   ///< before the first byte of the answer that was due, or before anything was asked
  cut,      ///< within an answer, or what came was none
  slow,     ///< no answer in time
  local,    ///< this machine has no port or descriptor left
};
inline constexpr std::size_t kLosses = 5;
std::string_view to_string(Loss loss);

/// Addresses to connect from: `count` in a row.
struct Sources {
  /// @param first dotted IPv4. Ends the program if it is none.
  Sources(const std::string& first, std::size_t count);
  [[nodiscard]] in_addr of(std::size_t place) const;

 private:
  std::uint32_t first_;
  std::size_t count_;
};

/// Connections are known by a number, which is used again once a connection is gone.
class Swarm {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// Connected, and nothing is under way: ask, or leave it alone.
    virtual void on_ready(std::size_t connection) = 0;
    /// The answer to what was asked. on_ready() or on_gone() follows.
    virtual void on_answer(std::size_t connection, const Answer& answer) = 0;
    /// There is no such connection any more.
    /// @param owed something was asked, and got no answer
    virtual void on_gone(std::size_t connection, Loss how, bool owed) = 0;
  };

  /// @param patience after which an answer is given up; an owner must outlive its swarm
  Swarm(Owner& owner, std::uint16_t port, Clock::duration patience);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  /// Begins to connect; on_ready() or on_gone() tells how it went, never from within this call.
  /// @return its number
  std::size_t open(in_addr source);
  /// Sends bytes that ask for one answer. The connection must be ready.
  void ask(std::size_t connection, std::string bytes);
  /// Handles what happens up to `until`, or for one round if that has passed.
  void run(Clock::time_point until);
  /// Waits until something happens, or `until`, and handles it.
  void step(Clock::time_point until);
  [[nodiscard]] std::size_t under_way() const { return under_way_; }

 private:
  enum class State : std::uint8_t { none, failed, connecting, idle, asked };
  struct Connection {
    int socket = -1;
    State state = State::none;
    std::uint32_t round = 0;  // of this number: tells late events of its last connection
    std::string out;
    std::size_t sent = 0;
    bool stuck = false;  // waits to write on
    std::string in;
    Clock::time_point since{};
  };

  void wait(Clock::time_point until);
  void handle(std::size_t number, std::uint32_t events);
  void write(std::size_t number);
  void read(std::size_t number);
  bool take_answer(std::size_t number);
  void end(std::size_t number, Loss how);
  void give_up_slow_ones();
  void watch(std::size_t number, int operation, std::uint32_t events) const;

  Owner& owner_;
  std::uint16_t port_;
  Clock::duration patience_;
  int epoll_;
  std::vector<Connection> connections_;
  std::vector<std::size_t> unused_;
  std::vector<std::size_t> failed_;
  std::size_t under_way_ = 0;
  Clock::time_point next_look_{};
};

}  // namespace dojo::attacks
