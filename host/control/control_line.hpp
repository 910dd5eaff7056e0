// What goes over the control socket: one line of JSON each way, then the end.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <dojo/model.hpp>

namespace dojo::control {

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

/// A command's answer that is a text.
inline std::string json_text(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace dojo::control
