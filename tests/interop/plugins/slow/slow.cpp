// Handlers that misbehave as they are asked to: slowly, with an error, or at length.
#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <dojo/plugin.hpp>

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Slow {
  std::uint32_t ms = 0;
};
DOJO_MODEL(Slow, ms)

/// Takes its time, unless nobody waits for it any more. The log tells that it has begun.
Slow slow(dojo::Context& call, Slow request) {
  call.log(dojo::LogLevel::info, "slow began");
  const auto end = steady_clock::now() + milliseconds(request.ms);
  while (steady_clock::now() < end && !call.cancelled()) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  return request;
}

struct Fail {
  std::string how;  // "http", "exception", "no-exception", "nothing"
};
DOJO_MODEL(Fail, how)

void fail(Fail request) {
  if (request.how == "http") throw dojo::HttpError(418, "teapot");
  if (request.how == "exception") throw std::runtime_error("what only the log may know");
  if (request.how == "no-exception") throw 7;
}

struct Big {
  std::uint32_t bytes = 0;
  std::optional<std::string> filled;
};
DOJO_MODEL(Big, bytes, filled)

Big big(Big request) {
  request.filled = std::string(request.bytes, 'x');
  return request;
}

}  // namespace

DOJO_PLUGIN("slow", "1.0.0", dojo::handle(slow), dojo::handle(fail), dojo::handle(big))
