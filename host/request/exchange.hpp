// A request on its way through the host, and its answer: all that is known of it, in one object.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <dojo/plugin.h>

#include "net/exchange.hpp"
#include "policy/metagraph/metagraph.hpp"
#include "policy/quotas.hpp"
#include "request/answer.hpp"
#include "request/dialect.hpp"
#include "request/route.hpp"
#include "request/streamed_answer.hpp"

namespace dojo::request {

class AnswerSigner;

/// When each stage was done. Differences are what the stage cost.
struct Times {
  using Point = std::chrono::steady_clock::time_point;
  Point received;            ///< the head was whole
  Point admitted;            ///< authenticated and routed
  Point whole;               ///< its body was
  Point proven;              ///< who sent it
  Point pushed;              ///< put into the queue, for the last time
  Point started;             ///< taken up by a worker, for the last time
  Point prepared;            ///< its body is as the plugin gets it
  Point::duration queued{};  ///< all of its time in the queue; with hooks it waits twice
};

/// Who has a request. Only that one may use what is in it; whoever makes it
/// `over` frees its slot.
enum class Stage : std::uint8_t {
  coming,   ///< a reactor, or who proves its body
  queued,   ///< the executor: it may be ended by anybody
  taken,    ///< a worker, which prepares it and asks the plugin's hooks
  running,  ///< its plugin, which may end it
  over,
};

/// Whether it is answered is another question, see net::Exchange: one whose deadline has passed is
/// answered, but stays with its plugin, which may still be reading it.
class Exchange final : public net::Exchange {
 public:
  // What its head says: written by admit().
  Terms terms;
  Claim claim;
  std::shared_ptr<const plugins::RouteInfo> asked;  ///< as its route was then; null: there is none
  std::optional<policy::Neuron> neuron;             ///< the caller's, if it is registered
  bool known = false;                               ///< the hotkey is proven, or registered
  double weight = 1;        ///< of the caller among those who share the workers; 1 is average
  bool registered = false;  ///< as policy::Standing says
  bool charged = false;     ///< for the body's bytes
  const AnswerSigner* signer = nullptr;  ///< of its answer; null: it is not signed
  bool compressed = false;      ///< the body is zstd; a worker puts the plain one in its place
  policy::Quotas::Place place;  ///< among its hotkey's requests; of who has the right to answer,
                                ///< and then of the reactor

  // From where it is whole.
  Route route;
  dojo_request_id id = 0;  ///< 0: it has no slot
  base::Charge slot;       ///< among the requests that have one
  base::Charge plain;      ///< of what all plain bodies may take
  Times times;
  std::unique_ptr<StreamedAnswer> streamed;  ///< null: its route answers at once

  [[nodiscard]] const Caller& caller() const { return claim.caller; }
  /// What it asks for: a route's name, or what would be one.
  [[nodiscard]] std::string_view route_name() const {
    return asked ? std::string_view(asked->name) : route_of(head.path());
  }
  void on_answered() noexcept override { place = {}; }
  /// Has its plugin go on writing.
  void on_room() noexcept override;
  [[nodiscard]] Stage stage() const { return stage_.load(); }
  /// Moves on. @return false if somebody else has moved it
  bool move(Stage from, Stage to) { return stage_.compare_exchange_strong(from, to); }
  /// Makes it over, wherever it is. @return false if it was
  bool end() { return stage_.exchange(Stage::over) != Stage::over; }
  /// Whether its answer goes out while it is written.
  [[nodiscard]] bool streams() const { return streamed && streamed->has_begun(); }
  /// Whether nobody waits for its answer, or for more of it.
  [[nodiscard]] bool idle() const {
    return (answered() && !streams()) || gone() || route.crew->cancelled();
  }

 private:
  std::atomic<Stage> stage_{Stage::coming};
};

using ExchangePtr = boost::intrusive_ptr<Exchange>;

}  // namespace dojo::request
