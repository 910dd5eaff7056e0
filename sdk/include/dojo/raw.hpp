// Routes that take and give bytes, whatever they mean: no model, no envelope. See plugin.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/context.hpp>

namespace dojo {

/// What a raw route is asked. Views, which live until the request is answered; the call's Context
/// has the rest.
struct RawRequest {
  std::string_view method;  ///< "GET"
  std::string_view target;  ///< see Context::target()
  std::string_view body;    ///< as it was sent, but no longer compressed
};

/// What a raw route answers. Where the caller accepts zstd the host compresses the body, unless a
/// header says that it is coded already.
struct RawAnswer {
  std::string body{};
  std::string content_type = "application/octet-stream";
  int status = 200;  ///< 200…599
  /// More header fields. Those about the connection, the length and the host's own (x-dojo-…,
  /// x-request-id, date) are left out.
  std::vector<std::pair<std::string, std::string>> headers{};
};

namespace detail {

/// @throws std::invalid_argument for what would not stay one line
inline void add_field(std::string& fields, std::string_view name, std::string_view value) {
  constexpr std::string_view kNoneOf("\r\n\0", 3);
  if (name.empty() || name.find_first_of(": \t\r\n") != std::string_view::npos ||
      value.find_first_of(kNoneOf) != std::string_view::npos) {
    throw std::invalid_argument("a header field of the answer is none: \"" + std::string(name) +
                                "\"");
  }
  fields.append(name).append(": ").append(value).append("\r\n");
}

inline void complete_answer(const Context& call, const RawAnswer& answer) {
  std::string fields;
  if (!answer.content_type.empty()) add_field(fields, "content-type", answer.content_type);
  for (const auto& [name, value] : answer.headers) add_field(fields, name, value);
  dojo_response response{};
  response.struct_size = sizeof response;
  response.status = static_cast<std::uint32_t>(answer.status);
  response.body = span(answer.body);
  response.fields = span(fields);
  call.host().complete(call.raw().id, response);
}

inline RawRequest raw_request(const Context& call) {
  return {call.method(), call.target(), view(call.raw().body)};
}

}  // namespace detail
}  // namespace dojo
