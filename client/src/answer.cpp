#include "answer.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include <fmt/format.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/envelope.hpp>

#include "proof.hpp"
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
    case SendError::Kind::unproven:
      return "unproven";
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

bool is_encoded(const ClientResponse& http) {
  const auto encoding = http.header("content-encoding").value_or("");
  return !encoding.empty() && !text::same_word(encoding, "identity");
}

std::optional<SendError> decompress(ClientResponse& http, const ClientOptions& limits) {
  if (!is_encoded(http)) return std::nullopt;
  const auto encoding = http.header("content-encoding").value_or("");
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

/// Looks at the signature. @return why the answer is none, if proof is wanted and it has none. An
/// error may go without: it is taken for no answer anyway, and a host that does not know yet who
/// asks signs nothing.
std::optional<SendError> proof_error(ClientResponse& http, bool wanted) {
  const auto signature = check_answer(http);
  if (!signature) return std::nullopt;
  http.signature = *signature                                      ? AnswerSignature::right
                   : signature->error().code == Code::no_signature ? AnswerSignature::none
                                                                   : AnswerSignature::wrong;
  if (!wanted) return std::nullopt;
  const auto unproven = [&](std::string_view why) {
    return SendError{SendError::Kind::unproven, fmt::format("{}: {}", http.url, why)};
  };
  if (http.signature == AnswerSignature::wrong) return unproven(signature->error().message);
  if (http.signature == AnswerSignature::none) {
    if (http.status >= 300) return std::nullopt;
    return unproven("the answer is not signed; ask for no proof of a miner that does not sign");
  }
  // The proof would be of other bytes than are handed out.
  if (is_encoded(http)) return unproven("the answer is encoded, which nobody has asked for");
  return std::nullopt;
}

/// Why a stream is no answer, if so.
std::optional<SendError> stream_error(const ClientResponse& http) {
  if (!http.stream || http.stream->fault.empty()) return std::nullopt;
  return SendError{SendError::Kind::bad_response,
                   fmt::format("{}: {}", http.url, http.stream->fault)};
}

std::optional<Code> code_of(const ClientResponse& http) {
  const auto word = http.header(wire::kCodeHeader);
  return word ? parse_code(*word) : std::nullopt;
}

}  // namespace

Response read_answer(ClientResponse&& http, const SendOptions& options, const ClientOptions& limits,
                     bool preflight) {
  Response response{std::move(http), {}, {}};
  response.exception = id_error(response, options.request_id);
  if (!response.exception) response.exception = stream_error(response);
  if (!response.exception) response.exception = proof_error(response, options.proof);
  if (!options.proof) response.request.reset();
  if (response.exception) return response;  // whose code is that?
  response.code = code_of(response);
  auto unreadable = decompress(response, limits);
  // A status of its own says more than that it is not zstd.
  response.exception = status_error(response, preflight ? " at the preflight" : "");
  if (!response.exception) response.exception = std::move(unreadable);
  return response;
}

Response failed(SendError error, ClientResponse&& http) {
  Response response{std::move(http), {}, std::move(error)};
  response.code = code_of(response);
  return response;
}

StdResponse<RawJson> read_model(Response&& response) {
  StdResponse<RawJson> model;
  model.code = response.code;
  model.exception = std::move(response.exception);
  model.client_response = std::move(response);
  if (model.exception && !model.exception->is_an_answer()) return model;
  auto unreadable = model.client_response.dialect == wire::Dialect::btauth1 ? take_bare(model)
                                                                            : take_envelope(model);
  // A status of its own says more than that no envelope came with it.
  if (!model.exception) model.exception = std::move(unreadable);
  return model;
}

}  // namespace detail
}  // namespace dojo
