// Connections that keep a server busy by doing next to nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "arsenal.hpp"
#include "swarm.hpp"
#include "tally.hpp"

namespace dojo::attacks {

/// A third of the connections never ends its head, a third has a signed head and never ends its
/// body, a third asks again and again and never reads. The first two send a byte a second. What the
/// server closes is opened again a second later at most.
class Slow {
 public:
  /// @param heads heads of requests whose bodies are to follow
  Slow(std::uint16_t port, Sources sources, std::size_t connections, Source heads);
  ~Slow();
  Slow(const Slow&) = delete;
  Slow& operator=(const Slow&) = delete;

  void run(Clock::duration time);
  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// Connections that were there when run() ended.
  [[nodiscard]] std::size_t open() const;

 private:
  struct Connection {
    int socket = -1;
    std::string in;
  };

  void begin(std::size_t place);
  void visit(std::size_t place);
  void read(Connection& connection);
  void end(Connection& connection, Loss how);

  std::uint16_t port_;
  Sources sources_;
  Source heads_;
  std::vector<Connection> connections_;
  Tally tally_;
};

}  // namespace dojo::attacks
