// What goes over the control socket: one line of JSON each way, then the end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <dojo/model.hpp>

namespace dojo::admin {

/// The socket's name in the state folder.
inline constexpr char kControlName[] = "control";

/// {"command":"reload","arguments":["score"]}
struct ControlRequest {
  std::string command;
  std::vector<std::string> arguments{};
};
DOJO_MODEL(ControlRequest, command, DOJO_DEFAULT(arguments))

/// {"result":…,"error":null}, or {"result":null,"error":"…"}
struct ControlAnswer {
  RawJson result{};
  std::optional<std::string> error{};
};
DOJO_MODEL(ControlAnswer, DOJO_DEFAULT(result), error)

}  // namespace dojo::admin
