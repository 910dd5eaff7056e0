#include "answer.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include <fmt/format.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/envelope.hpp>

#include "text/words.hpp"

namespace dojo {

std::string_view to_string(SendError::Kind kind) {
  switch (kind) {
    case SendError::Kind::invalid_request:
      return "invalid-request";
    case SendError::Kind::connection:
      return "connection";
    case SendError::Kind::timeout:
      return "timeout";
    case SendError::Kind::tls:
      return "tls";
    case SendError::Kind::redirect:
      return "redirect";
    case SendError::Kind::too_large:
      return "too-large";
    case SendError::Kind::bad_response:
      return "bad-response";
    case SendError::Kind::invalid_body:
      return "invalid-body";
    case SendError::Kind::status:
      return "status";
    case SendError::Kind::cancelled:
      return "cancelled";
    case SendError::Kind::internal:
      return "internal";
  }
  return "unknown";
}

std::optional<std::string_view> ClientResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (text::same_word(key, name)) return value;
  }
  return std::nullopt;
}

namespace detail {

SendError internal_error() noexcept {
  constexpr auto kKind = SendError::Kind::internal;
  try {
    throw;
  } catch (const std::bad_alloc&) {  // short texts need no memory
    return {kKind, "out of memory"};
  } catch (const std::exception& error) {
    try {
      return {kKind, error.what()};
    } catch (...) {
      return {kKind, "out of memory"};
    }
  } catch (...) {
    return {kKind, "unknown error"};
  }
}

std::string reason_of(std::optional<Code> code, const std::optional<std::string>& error,
                      const std::optional<SendError>& exception) {
  const bool says_more = code && *code != Code::ok;
  std::string text = says_more ? fmt::format("{}: ", to_string(*code)) : "";
  if (!error) return text + (exception ? exception->message : "no body in the answer");
  text += *error;
  if (exception) text += fmt::format(" ({})", exception->message);
  return text;
}

namespace {

bool is_empty_object(std::string_view json) {
  return std::ranges::all_of(json, [](char c) {
    return c == '{' || c == '}' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
  });
}

std::optional<SendError> decompress(ClientResponse& http, const ClientOptions& limits) {
  const auto encoding = http.header("content-encoding").value_or("");
  if (encoding.empty() || text::same_word(encoding, "identity")) return std::nullopt;
  if (!text::same_word(encoding, "zstd")) {
    return SendError{SendError::Kind::bad_response,
                     fmt::format("the answer is encoded as \"{}\"; only zstd was asked for",
                                 encoding.substr(0, 40))};
  }
  auto json = wire::decompress(http.raw_body, {.max_output = limits.max_decoded_bytes});
  if (!json) {
    const bool large = json.error().code == Code::too_large;
    return SendError{large ? SendError::Kind::too_large : SendError::Kind::bad_response,
                     "the answer: " + json.error().message};
  }
  http.raw_body = std::move(*json);
  http.sizes.json_in = http.raw_body.size();
  return std::nullopt;
}

std::optional<SendError> take_envelope(StdResponse<RawJson>& response) {
  auto envelope = wire::parse_envelope(response.client_response.raw_body);
  if (!envelope) {
    return SendError{SendError::Kind::bad_response,
                     "the answer is no envelope: " + envelope.error().message};
  }
  response.error = std::move(envelope->error);
  response.metadata = std::move(envelope->metadata);
  // `{}` beside an error stands for no body; alone it may be a model without fields.
  const bool absent = response.error && is_empty_object(envelope->body.text);
  if (response.client_response.status < 300 && !absent) response.body = std::move(envelope->body);
  return std::nullopt;
}

std::optional<SendError> take_bare(StdResponse<RawJson>& response) {
  auto& http = response.client_response;
  if (http.status >= 300) {
    const auto error = wire::parse_error(http.raw_body);
    if (!error) return std::nullopt;  // the status says more
    const bool says_more = !response.code && !error->code.empty();
    response.error =
        says_more ? fmt::format("{}: {}", error->code, error->message) : error->message;
    return std::nullopt;
  }
  if (const auto valid = check_json(http.raw_body); !valid) {
    return SendError{SendError::Kind::bad_response,
                     "the answer is no JSON: " + valid.error().message};
  }
  response.body = RawJson{http.raw_body};
  return std::nullopt;
}

// What the HTTP status alone says.
std::optional<SendError> status_error(const ClientResponse& http, std::string_view what) {
  if (http.status < 200) {  // libcurl takes 101 for an answer, whatever comes behind it
    return SendError{
        SendError::Kind::bad_response,
        fmt::format("{} answers HTTP status {}, which ends no exchange", http.url, http.status)};
  }
  if (http.status >= 400) {
    return SendError{SendError::Kind::status,
                     fmt::format("{} answers HTTP status {}{}", http.url, http.status, what)};
  }
  if (http.status >= 300) {
    return SendError{
        SendError::Kind::redirect,
        fmt::format("{} points to \"{}\" (HTTP status {}); a signature holds for one path, so "
                    "send to the final url",
                    http.url, http.header("location").value_or("nowhere").substr(0, 200),
                    http.status)};
  }
  return std::nullopt;
}

/// A host gives back the id that it was sent. Who gives back another answers another request.
std::optional<SendError> id_error(const ClientResponse& http, std::string_view sent) {
  const auto told = http.header(wire::kRequestIdHeader);
  if (!told || !text::is_request_id(sent) || *told == sent) return std::nullopt;
  return SendError{SendError::Kind::bad_response,
                   fmt::format("the answer is to another request: its x-request-id is \"{}\"",
                               told->substr(0, 64))};
}

std::optional<Code> code_of(const ClientResponse& http) {
  const auto word = http.header(wire::kCodeHeader);
  return word ? parse_code(*word) : std::nullopt;
}

}  // namespace

StdResponse<RawJson> read_answer(ClientResponse&& http, wire::Dialect dialect,
                                 const ClientOptions& limits, std::string_view request_id) {
  if (auto another = id_error(http, request_id)) {
    StdResponse<RawJson> response;
    response.client_response = std::move(http);
    response.exception = std::move(another);
    return response;
  }
  StdResponse<RawJson> response;
  response.client_response = std::move(http);
  response.code = code_of(response.client_response);
  auto unreadable = decompress(response.client_response, limits);
  if (!unreadable) {
    unreadable = dialect == wire::Dialect::btauth1 ? take_bare(response) : take_envelope(response);
  }
  // A status of its own says more than that no envelope came with it.
  response.exception = status_error(response.client_response, "");
  if (!response.exception) response.exception = std::move(unreadable);
  return response;
}

StdResponse<RawJson> read_refused_preflight(ClientResponse&& http) {
  StdResponse<RawJson> response;
  response.code = code_of(http);
  response.exception = status_error(http, " at the preflight");
  response.client_response = std::move(http);
  return response;
}

StdResponse<RawJson> failed(SendError error, ClientResponse&& http) {
  StdResponse<RawJson> response;
  response.code = code_of(http);
  response.client_response = std::move(http);
  response.exception = std::move(error);
  return response;
}

}  // namespace detail
}  // namespace dojo
