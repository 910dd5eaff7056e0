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

/// How they do it.
enum class Idling : std::uint8_t {
  head,  ///< never ends its head, and sends a byte a second
  body,  ///< sends the head of a request, and never ends its body, likewise
  read,  ///< asks again and again, and never reads
  keep,  ///< asks once for what is large, and never reads
  wait,  ///< sends the head of a request, and nothing else
  hold,  ///< sends all but the last byte of one
  pour,  ///< sends as many requests as it can, and never reads
};

/// What the server closes is opened again a second later at most.
class Slow {
 public:
  /// @param kinds that the connections are of, by turns
  /// @param requests of which `body` and `wait` send the heads, `hold`, `keep` and `pour` more
  Slow(std::uint16_t port, Sources sources, std::size_t connections, std::vector<Idling> kinds,
       Source requests);
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
    std::string out;  // what `hold` and `pour` have not got rid of
  };

  [[nodiscard]] Idling kind_of(std::size_t place) const { return kinds_[place % kinds_.size()]; }
  void begin(std::size_t place);
  void visit(std::size_t place);
  std::string first_bytes(Idling kind);
  [[nodiscard]] std::string next_bytes(Connection& connection, Idling kind);
  void read(Connection& connection);
  void end(Connection& connection, Loss how);

  std::uint16_t port_;
  Sources sources_;
  std::vector<Idling> kinds_;
  Source requests_;
  std::vector<Connection> connections_;
  Tally tally_;
};

}  // namespace dojo::attacks
