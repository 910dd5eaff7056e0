// Any bytes as an answer's envelope, and as the error text of one.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include <dojo/wire/envelope.hpp>

namespace {

using namespace dojo;
using namespace dojo::wire;

void require(bool condition) {
  if (!condition) std::abort();
}

/// What parses is written and parses again, to the same.
void round_trip(std::string_view text) {
  const auto envelope = parse_envelope(text);
  if (!envelope) {
    require(envelope.error().code == Code::invalid_body && !envelope.error().message.empty());
    return;
  }
  require(envelope->body.text.starts_with('{') && envelope->metadata.text.starts_with('{'));
  const auto again = parse_envelope(
      format_envelope(envelope->body.text, envelope->error, envelope->metadata.text));
  require(again.has_value());
  require(again->body.text == envelope->body.text);
  require(again->error == envelope->error);
  require(again->metadata.text == envelope->metadata.text);
}

/// An error text arrives whatever it is, and as it is where it is UTF-8.
void error_arrives(std::string_view text) {
  const auto envelope = parse_envelope(format_envelope({}, text));
  require(envelope.has_value() && envelope->error.has_value());
  if (simdjson::validate_utf8(text.data(), text.size())) require(*envelope->error == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<char> exact(data, data + size);
  const std::string_view text(exact.data(), exact.size());
  round_trip(text);
  error_arrives(text);
  return 0;
}
