// The answer's envelope: {"body": <model>, "error": null | text, "metadata": {…}}.
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

}  // namespace dojo::wire
