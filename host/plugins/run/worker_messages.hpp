// What the host and a worker process tell each other: each message as the struct that it stands
// for, which owns nothing, and from a Message that may say anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <dojo/plugin.h>
#include <dojo/result.hpp>

#include "plugins/abi/instance.hpp"
#include "plugins/run/child.hpp"
#include "plugins/run/lane.hpp"
#include "plugins/run/sandbox_options.hpp"

namespace dojo::plugins {

/// What the worker is to run, and how.
struct Setup {
  std::string_view file;
  std::string_view config;
  std::string_view state;
  bool has_state = false;
  std::uint64_t max_answer = 0;  ///< bytes of an answer, or of a saved state
  Limits limits;
  SandboxOptions sandbox;
};
/// A setup with what its message points to.
struct SetupMessage {
  explicit SetupMessage(const Setup& setup);
  SetupMessage(const SetupMessage&) = delete;
  SetupMessage& operator=(const SetupMessage&) = delete;
  const std::string read, write, environment;
  const Message message;
};
Setup setup_of(const Message& message);

/// @param kind handle or judge @param request to handle, its id is that of its call
Message message_of(MessageKind kind, const dojo_request& request);
/// @return a request whose spans point to where the message's do
dojo_request request_of(const Message& message);

/// Bytes of chunks that a worker may write until it is told to `resume`, each with what is written
/// around it, and one chunk more: as much as the host has room for.
inline constexpr std::size_t kWindow = 16 << 10;
inline constexpr std::size_t kAroundChunk = 32;

/// What a plugin has answered. `status` is one that the ABI knows, of some route.
struct WorkerAnswer {
  dojo_request_id id = 0;
  std::uint32_t status = 0;
  std::string_view body;
  std::string_view error;
  std::string_view metadata;
  std::string_view fields{};
};
Message message_of(const WorkerAnswer& answer);
Result<WorkerAnswer> answer_of(const Message& message);

Message message_of(const Verdict& verdict);
Result<Verdict> verdict_of(const Message& message);

Message message_of(const RouteInfo& route);
/// @return a route that is not yet checked: see check_route()
Result<RouteInfo> route_of(const Message& message);

/// A line for the log, or a value for a metric.
struct Note {
  std::int32_t level = 0;
  dojo_request_id id = 0;
  double value = 0;
  std::string_view text;  ///< the line, or the metric's name
};
Message message_of(MessageKind kind, const Note& note);
Result<Note> note_of(const Message& message);

/// What a call of save or health has come to.
struct Outcome {
  std::uint64_t call = 0;
  enum class Sort : std::uint64_t { failed, good, nothing } sort = Sort::failed;
  std::string_view text;  ///< the state, or the reason
};
Message message_of(const Outcome& outcome);
Result<Outcome> outcome_of(const Message& message);

}  // namespace dojo::plugins
