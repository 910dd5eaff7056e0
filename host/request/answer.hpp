// The last stage: what an answer looks like, and compression.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <dojo/code.hpp>

#include "net/exchange.hpp"
#include "request/refusal.hpp"

namespace dojo::request {

/// How a caller wants to be answered, known from its head.
struct Terms {
  std::string request_id;  ///< echoed as x-request-id
  Style style = Style::envelope;
  bool accepts_zstd = false;
  bool head_only = false;  ///< HEAD, and the host answers it: headers alone
  int compression_level = 3;
};

/// Whether an Accept-Encoding header allows zstd: the token without regard to case, its weight not
/// 0 (RFC 9110 §12.5.3).
bool accepts_zstd(std::string_view accept_encoding);

/// An answer around JSON that is already written, in the caller's style, compressed if the caller
/// accepts that; empty for HEAD. @param body and @param metadata as for wire::format_envelope();
/// without an envelope there is no place for metadata.
net::Response make_answer(const Terms& terms, int status, Code code, std::string_view body,
                          std::optional<std::string_view> error, std::string_view metadata);

/// The answer of a raw route: its bytes, compressed if the caller accepts that and they are not
/// coded already. @param fields "name: value\r\n" for each, such as check_fields() lets pass
net::Response make_raw_answer(const Terms& terms, int status, std::string_view body,
                              std::string_view fields);

/// The head of an answer that is a stream.
net::Response make_stream_head(const Terms& terms);

/// What is wrong with the header fields that a raw route answers with, if anything.
std::optional<std::string> check_fields(std::string_view fields);

/// The answer that a refusal gets.
net::Response make_answer(const Terms& terms, const Refusal& refusal);

}  // namespace dojo::request
