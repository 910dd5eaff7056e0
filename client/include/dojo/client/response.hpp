// What comes back of a request.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/code.hpp>
#include <dojo/model.hpp>
#include <dojo/wire/dialect.hpp>

namespace dojo {

struct Header {
  std::string name;
  std::string value;
};

/// Why a request has no answer that could be used.
struct SendError {
  enum class Kind : std::uint8_t {
    invalid_request,  ///< never sent: a url, model, header or option is wrong
    connection,       ///< no connection, or it broke before the answer was whole
    timeout,          ///< no whole answer in time
    tls,              ///< the certificate is not trusted, or TLS failed otherwise
    redirect,         ///< the peer points elsewhere; a signature holds for one path only
    too_large,        ///< the answer is over a size limit
    bad_response,     ///< the answer cannot be read: not zstd, not JSON, not its form
    invalid_body,     ///< the answer's body is not the model; it is in `raw_body`
    unproven,         ///< proof was asked for, and the answer is not signed as it has to be
    status,           ///< an HTTP status of 400 or more; the `error` that came with it is kept
    cancelled,        ///< by its stop token, or because the client was destroyed
    internal,         ///< this side failed: out of memory, or libcurl refuses
  };
  Kind kind = Kind::connection;
  std::string message;  ///< for a person; never empty

  /// Whether an answer came whole all the same: it is its status that is wrong.
  [[nodiscard]] bool is_an_answer() const { return kind == Kind::status || kind == Kind::redirect; }
};

/// `invalid-request`, `connection`, …
std::string_view to_string(SendError::Kind kind);

namespace detail {

/// The exception that is being handled, as an error of this side's.
SendError internal_error() noexcept;

std::string reason_of(std::optional<Code> code, const std::optional<std::string>& error,
                      const std::optional<SendError>& exception);

}  // namespace detail

/// Where the time went. Stages of the last exchange are counted from its own start; 0 where it did
/// not come so far, or a connection was used again.
struct Timings {
  std::chrono::microseconds resolved{0};    ///< the host's name
  std::chrono::microseconds connected{0};   ///< TCP
  std::chrono::microseconds secured{0};     ///< TLS
  std::chrono::microseconds first_byte{0};  ///< of the answer
  std::chrono::microseconds exchange{0};    ///< the answer's last byte
  std::chrono::microseconds preflight{0};   ///< the last attempt's HEAD
  std::chrono::microseconds queued{0};      ///< waits for a free connection, over all attempts
  std::chrono::microseconds backoff{0};     ///< waits between attempts
  std::chrono::microseconds overall{0};     ///< from send() to the answer's delivery
};

/// Sizes in bytes. `wire_` counts all attempts with their headers; the others the last attempt's
/// body, encoded (`body_`) and as JSON (`json_`).
struct Sizes {
  std::uint64_t json_out = 0;
  std::uint64_t body_out = 0;
  std::uint64_t wire_out = 0;
  std::uint64_t wire_in = 0;
  std::uint64_t body_in = 0;
  std::uint64_t json_in = 0;
};

/// A btauth/1 request as it was sent, by what its signature is about.
struct SignedRequest {
  std::string method;
  std::string target;           ///< as in the request line, with its query
  std::vector<Header> headers;  ///< those that sign it
  std::shared_ptr<const std::string> body;
};

/// What an answer's signature says (`twresp/1`: docs/wire.md, Signed answers).
enum class AnswerSignature : std::uint8_t {
  none,   ///< there is none; or it was not looked at: only in btauth/1, where a receiver is named
  right,  ///< the receiver has answered so, and this very request
  wrong,  ///< it proves nothing: somebody else's, of another request, or the answer was changed
};

/// What came of a streamed answer.
struct StreamOutcome {
  std::uint64_t chunks = 0;
  std::string digest;                      ///< of those, as its end has to say it
  std::optional<std::string> signature{};  ///< that its end came with
  std::string fault{};                     ///< why it is not whole; empty: it is
};

/// The HTTP side of the last attempt.
struct ClientResponse {
  int status = 0;               ///< 0: no answer came
  std::vector<Header> headers;  ///< in their order, names as they came
  std::string url;              ///< the whole address, with the model's name
  std::string raw_body;         ///< decompressed if that could be done, else as it came; of a
                                ///< stream its chunks, joined, and only if proof was asked for
  Timings timings;
  Sizes sizes;
  int attempts = 0;                              ///< made, not allowed
  wire::Dialect dialect = wire::Dialect::dojo1;  ///< that the request was signed in
  bool on_session = false;                       ///< went on a session, and was not signed
  AnswerSignature signature = AnswerSignature::none;
  std::optional<StreamOutcome> stream;  ///< there if it is one
  /// The request that was answered, with its signature; kept if SendOptions::proof has asked.
  std::optional<SignedRequest> request;

  /// The first header of that name, in any case. The view lives as long as this.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

/// The answer to Client::request(), as HTTP has it.
struct Response : ClientResponse {
  std::optional<Code> code;            ///< from `x-dojo-code`; other peers send none
  std::optional<SendError> exception;  ///< what went wrong, a status of 300 and more included

  /// What came, whatever the status: decompressed, if that could be done. Not to be relied on where
  /// there is an exception that is no answer.
  [[nodiscard]] const std::string& body() const { return raw_body; }
  [[nodiscard]] bool ok() const { return !exception; }
  /// Why it is not ok, for a person; empty if it is. As StdResponse::reason().
  [[nodiscard]] std::string reason() const {
    return ok() ? std::string() : detail::reason_of(code, std::nullopt, exception);
  }
};

/// The answer to a request for a model.
/// @tparam Body the answer's model, or RawJson.
template <class Body>
struct StdResponse {
  /// Whole and validated, or absent: never a model that is filled in part. Absent on every HTTP
  /// status of 400 or more.
  std::optional<Body> body;
  std::optional<std::string> error;  ///< what the peer says went wrong
  RawJson metadata{"{}"};
  std::optional<Code> code;  ///< from `x-dojo-code`; Python peers send none
  ClientResponse client_response;
  std::optional<SendError> exception;  ///< what went wrong on the way

  /// There is a body, and neither the peer nor the way has anything to complain of.
  [[nodiscard]] bool ok() const { return body && !error && !exception; }

  /// Why it is not ok, for a person, in one text: the protocol's word, what the peer says, the HTTP
  /// status, or what went wrong on the way. Empty if it is ok. What a peer says is as it came: not
  /// for a terminal before control characters are taken out.
  [[nodiscard]] std::string reason() const {
    return ok() ? std::string() : detail::reason_of(code, error, exception);
  }
};

namespace detail {

/// Reads the envelope; in btauth/1, which has none, the model's JSON itself, or what an error says.
StdResponse<RawJson> read_model(Response&& response);

}  // namespace detail
}  // namespace dojo
