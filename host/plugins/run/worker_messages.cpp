#include "plugins/run/worker_messages.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "plugins/abi/span.hpp"
#include "plugins/abi/tables.hpp"

namespace dojo::plugins {
namespace {

constexpr std::size_t kLongestReason = std::size_t{8} * 1024;
constexpr std::int32_t kPriorities = 1000;  // to either side of 0
constexpr std::uint64_t kNobody = UINT64_MAX;

/// Neither a path nor an environment variable has a zero in it.
std::string join(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += text + '\0';
  return all;
}

std::vector<std::string> split(std::string_view all) {
  std::vector<std::string> texts;
  for (auto end = all.find('\0'); end != std::string_view::npos; end = all.find('\0')) {
    texts.emplace_back(all.substr(0, end));
    all.remove_prefix(end + 1);
  }
  return texts;
}

std::uint64_t number_of(const std::optional<User>& user) {
  return user ? std::uint64_t{user->user} << 32 | user->group : kNobody;
}

std::optional<User> user_of(std::uint64_t number) {
  if (number == kNobody) return std::nullopt;
  return User{static_cast<uid_t>(number >> 32), static_cast<gid_t>(number & UINT32_MAX)};
}

}  // namespace

SetupMessage::SetupMessage(const Setup& setup)
    : read(join(setup.sandbox.read)),
      write(join(setup.sandbox.write)),
      environment(join(setup.sandbox.environment)),
      message{MessageKind::setup,
              {setup.has_state ? 1u : 0u, setup.sandbox.on ? 1u : 0u, setup.max_answer,
               setup.limits.memory_bytes, setup.limits.cpu_seconds, setup.limits.open_files,
               number_of(setup.sandbox.user)},
              {setup.file, setup.config, setup.state, read, write, environment}} {}

Setup setup_of(const Message& message) {
  const auto& numbers = message.numbers;
  return {message.texts[0],
          message.texts[1],
          message.texts[2],
          numbers[0] != 0,
          numbers[2],
          {numbers[3], numbers[4], numbers[5]},
          {numbers[1] != 0, split(message.texts[3]), split(message.texts[4]), user_of(numbers[6]),
           split(message.texts[5])}};
}

Message message_of(MessageKind kind, const dojo_request& request) {
  return {kind,
          {kind == MessageKind::handle ? request.id : request.call, request.route,
           request.deadline_ns, request.flags, std::bit_cast<std::uint64_t>(request.stake),
           std::bit_cast<std::uint64_t>(request.uid)},
          {view(request.hotkey), view(request.dialect), view(request.peer), view(request.trace),
           view(request.method), view(request.target), view(request.fields), view(request.body)}};
}

dojo_request request_of(const Message& message) {
  dojo_request request{};
  request.struct_size = sizeof request;
  request.call = message.numbers[0];
  if (message.kind == MessageKind::handle) request.id = request.call;
  request.route = static_cast<std::uint32_t>(message.numbers[1]);
  request.deadline_ns = message.numbers[2];
  request.flags = message.numbers[3];
  request.stake = std::bit_cast<double>(message.numbers[4]);
  request.uid = std::bit_cast<std::int64_t>(message.numbers[5]);
  request.hotkey = span(message.texts[0]);
  request.dialect = span(message.texts[1]);
  request.peer = span(message.texts[2]);
  request.trace = span(message.texts[3]);
  request.method = span(message.texts[4]);
  request.target = span(message.texts[5]);
  request.fields = span(message.texts[6]);
  request.body = span(message.texts[7]);
  return request;
}

Message message_of(const WorkerAnswer& answer) {
  return {MessageKind::answer,
          {answer.id, answer.status},
          {answer.error, answer.metadata, answer.fields, answer.body}};
}

Result<WorkerAnswer> answer_of(const Message& message) {
  if (message.numbers[0] == 0 || message.numbers[1] > UINT32_MAX) {
    return fail("an answer's id or status is none");
  }
  const WorkerAnswer answer{message.numbers[0], static_cast<std::uint32_t>(message.numbers[1]),
                            message.texts[3],   message.texts[0],
                            message.texts[1],   message.texts[2]};
  if (!is_answer_status(answer.status, true)) {
    return fail(fmt::format("it passed on an answer with status {}", answer.status));
  }
  return answer;
}

Message message_of(const Verdict& verdict) {
  return {
      MessageKind::verdict,
      {static_cast<std::uint64_t>(verdict.code), std::bit_cast<std::uint32_t>(verdict.priority)},
      {std::string_view(verdict.reason).substr(0, kLongestReason)}};
}

Result<Verdict> verdict_of(const Message& message) {
  const auto& reason = message.texts[0];
  if (message.numbers[1] > UINT32_MAX || reason.size() > kLongestReason) {
    return fail("a verdict's priority or reason is too long");
  }
  const auto priority = std::bit_cast<std::int32_t>(static_cast<std::uint32_t>(message.numbers[1]));
  for (const auto code : {Code::ok, Code::blacklisted, Code::bad_signature, Code::internal}) {
    if (message.numbers[0] == static_cast<std::uint64_t>(code)) {
      return Verdict{code, std::string(reason), std::clamp(priority, -kPriorities, kPriorities)};
    }
  }
  return fail(fmt::format("a hook has no verdict {}", message.numbers[0]));
}

Message message_of(const RouteInfo& route) {
  return {MessageKind::route,
          {static_cast<std::uint64_t>(route.deadline.count()), route.concurrency,
           route.hooked ? 1u : 0u, route.raw ? 1u : 0u, route.streams ? 1u : 0u},
          {route.name, route.description, route.request_schema, route.response_schema, route.path,
           route.methods}};
}

Result<RouteInfo> route_of(const Message& message) {
  const auto& [deadline_ms, concurrency, hooked, raw, streams, six, seven] = message.numbers;
  if (deadline_ms > kLongestDeadlineMs || concurrency > UINT32_MAX || hooked > 1 || raw > 1 ||
      streams > 1) {
    return fail("a route's deadline, concurrency, hooks or form are out of range");
  }
  return RouteInfo{std::string(message.texts[0]),
                   std::string(message.texts[1]),
                   std::string(message.texts[2]),
                   std::string(message.texts[3]),
                   std::chrono::milliseconds(deadline_ms),
                   static_cast<std::uint32_t>(concurrency),
                   hooked != 0,
                   std::string(message.texts[4]),
                   std::string(message.texts[5]),
                   raw != 0,
                   streams != 0};
}

Message message_of(MessageKind kind, const Note& note) {
  return {
      kind,
      {std::bit_cast<std::uint32_t>(note.level), note.id, std::bit_cast<std::uint64_t>(note.value)},
      {note.text.substr(0, kInline)}};
}

Result<Note> note_of(const Message& message) {
  if (message.numbers[0] > UINT32_MAX || message.texts[0].size() > kInline) {
    return fail("a log line or a metric's name is too long, or its level out of range");
  }
  return Note{std::bit_cast<std::int32_t>(static_cast<std::uint32_t>(message.numbers[0])),
              message.numbers[1], std::bit_cast<double>(message.numbers[2]), message.texts[0]};
}

Message message_of(const Outcome& outcome) {
  return {
      MessageKind::done, {outcome.call, static_cast<std::uint64_t>(outcome.sort)}, {outcome.text}};
}

Result<Outcome> outcome_of(const Message& message) {
  if (message.numbers[1] > static_cast<std::uint64_t>(Outcome::Sort::nothing)) {
    return fail("a call has come to nothing known");
  }
  return Outcome{message.numbers[0], static_cast<Outcome::Sort>(message.numbers[1]),
                 message.texts[0]};
}

}  // namespace dojo::plugins
