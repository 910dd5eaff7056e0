// The answer's envelope: {"body": <model>, "error": null | text, "metadata": {…}}; and what stands
// in its place where a dialect has none, and the answer is an error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <dojo/model.hpp>
#include <dojo/result.hpp>

namespace dojo::wire {

struct Envelope {
  RawJson body{"{}"};  ///< the model's JSON; `{}` on errors; `null` is read as `{}`
  std::optional<std::string> error;
  RawJson metadata{"{}"};  ///< an object
};

DOJO_MODEL(Envelope, DOJO_DEFAULT(body), error, DOJO_DEFAULT(metadata))

/// Writes an envelope around JSON that is already written.
/// @param body JSON text of an object, `{}` if empty. @param metadata the same. Neither is checked
/// here.
/// @param error UTF-8; each byte that is not part of a valid sequence is replaced by U+FFFD, since
/// an error text must arrive.
std::string format_envelope(std::string_view body, std::optional<std::string_view> error = {},
                            std::string_view metadata = {});

/// Reads an envelope. Missing fields take their defaults, as the original's client reads them; but
/// what has neither a body nor an error is some other JSON.
/// @return an error (Code::invalid_body) if it is not JSON, not an object, no envelope, or a field
/// has the wrong type.
Result<Envelope> parse_envelope(std::string_view json);

/// An error without an envelope: {"error": {"code": …, "message": …, "request_id": …}}.
struct BareError {
  std::string code;     ///< the word of `x-dojo-code`
  std::string message;  ///< for a person
  std::string request_id;
};
DOJO_MODEL(BareError, code, message, DOJO_DEFAULT(request_id))

/// Writes it. What is no UTF-8 is replaced as in an envelope.
std::string format_error(const BareError& error);

/// Reads it, or what FastAPI answers with, {"detail": text, or JSON of any other kind}: then there
/// is a message alone. @return an error (Code::invalid_body) for anything else
Result<BareError> parse_error(std::string_view json);

}  // namespace dojo::wire
