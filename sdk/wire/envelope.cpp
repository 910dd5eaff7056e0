#include <utility>

#include <dojo/wire/envelope.hpp>

namespace dojo::wire {
namespace {

constexpr std::string_view kEmptyObject = "{}";

// An error text comes from anywhere and must arrive all the same: what is no UTF-8 becomes U+FFFD.
void append_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      if (byte == '"' || byte == '\\') {
        out += '\\';
        out += static_cast<char>(byte);
      } else if (byte < 0x20) {
        out += "\\u00";
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
      } else {
        out += static_cast<char>(byte);
      }
      ++i;
      continue;
    }
    const auto length = detail::utf8_length(text.data() + i, text.data() + text.size());
    if (length != 0) {
      out += text.substr(i, length);
      i += length;
    } else {
      out += "\xef\xbf\xbd";
      ++i;
    }
  }
  out += '"';
}

/// An envelope that tells whether its body was there: JSON text is never empty.
struct MaybeEnvelope {
  RawJson body{""};
  std::optional<std::string> error;
  RawJson metadata{"{}"};
};
DOJO_MODEL(MaybeEnvelope, DOJO_DEFAULT(body), error, DOJO_DEFAULT(metadata))

struct MaybeError {
  std::optional<BareError> error;
  std::optional<RawJson> detail;
};
DOJO_MODEL(MaybeError, error, detail)

struct Detail {
  std::string detail;
};
DOJO_MODEL(Detail, detail)

bool is_object(const RawJson& json) {
  return json.text.starts_with('{');
}

}  // namespace

std::string format_envelope(std::string_view body, std::optional<std::string_view> error,
                            std::string_view metadata) {
  if (body.empty()) body = kEmptyObject;
  if (metadata.empty()) metadata = kEmptyObject;
  std::string out;
  out.reserve(body.size() + metadata.size() + (error ? error->size() : 0) + 64);
  out += R"({"body":)";
  out += body;
  out += R"(,"error":)";
  if (error) {
    append_string(out, *error);
  } else {
    out += "null";
  }
  out += R"(,"metadata":)";
  out += metadata;
  out += '}';
  return out;
}

Result<Envelope> parse_envelope(std::string_view json) {
  auto read = from_json<MaybeEnvelope>(json);
  if (!read) return Unexpected(std::move(read.error()));
  if (read->body.text.empty() && !read->error) {
    return fail("neither body nor error in it", Code::invalid_body);
  }
  Result<Envelope> envelope(
      Envelope{std::move(read->body), std::move(read->error), std::move(read->metadata)});
  if (envelope->body.text.empty() || envelope->body.text == "null")
    envelope->body.text = kEmptyObject;
  if (envelope->metadata.text == "null") envelope->metadata.text = kEmptyObject;
  if (!is_object(envelope->body)) return fail("body: expected object", Code::invalid_body);
  if (!is_object(envelope->metadata)) return fail("metadata: expected object", Code::invalid_body);
  return envelope;
}

std::string format_error(const BareError& error) {
  std::string out = R"({"error":{"code":)";
  append_string(out, error.code);
  out += R"(,"message":)";
  append_string(out, error.message);
  out += R"(,"request_id":)";
  append_string(out, error.request_id);
  out += "}}";
  return out;
}

Result<BareError> parse_error(std::string_view json) {
  auto read = from_json<MaybeError>(json);
  if (!read) return Unexpected(std::move(read.error()));
  if (read->error) return std::move(*read->error);
  if (!read->detail) return fail("neither error nor detail in it", Code::invalid_body);
  auto text = from_json<Detail>(json);
  return BareError{{}, text ? std::move(text->detail) : std::move(read->detail->text), {}};
}

}  // namespace dojo::wire
