// One request, from its submission to its answer. It is the node of a list, which passes from hand
// to hand: no step on its way needs memory that there may not be.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>

#include <dojo/client/options.hpp>
#include <dojo/client/response.hpp>

#include "exchange.hpp"
#include "payload.hpp"
#include "target.hpp"

namespace dojo::detail {

using Clock = std::chrono::steady_clock;
using Deliver = std::function<void(Response&&)>;
using CallId = std::uint64_t;

class Engine;
class Intake;
struct Session;

/// A request as it is handed over.
struct Submission {
  Target target;
  PayloadPtr payload;
  SendOptions options;
  std::optional<SendError> rejected;  ///< known to be wrong already: delivered, never sent
  std::shared_ptr<Intake> intake{};   ///< takes what is a stream; null: it is read as any other
  bool opens_session = false;         ///< goes before what waits for the same host
  Deliver deliver;                    ///< called once, on the courier's thread; does not throw
};

/// What a stop token calls: inside of request_stop(), which may not throw. So the note is there
/// beforehand.
struct StopRequest {
  Engine* engine;
  std::list<CallId>* note;
  void operator()() const noexcept;
};

struct Call {
  Submission request;
  CallId id = 0;
  ClientResponse http;               // of the last exchange; timings and sizes are summed up in it
  std::optional<SendError> failure;  // why there is no answer to read
  Clock::time_point submitted;
  Clock::time_point waiting_since;
  Clock::time_point deadline;  // of the attempt
  bool has_place = false;      // is counted among the connections
  bool in_preflight = false;
  std::shared_ptr<Session> session;    // that the last exchange went on; null: it was signed
  bool has_to_sign = false;            // in this attempt: the host did not know the session
  std::unique_ptr<Exchange> exchange;  // while on its way
  std::list<CallId> stop_note;         // its id, for on_stop
  std::optional<std::stop_callback<StopRequest>> on_stop;
};

using Calls = std::list<Call>;

/// What a request is signed in.
inline wire::Dialect dialect_of(const SendOptions& options, const ClientOptions& client) {
  return options.dialect.value_or(client.dialect);
}

inline std::chrono::microseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
}

}  // namespace dojo::detail
