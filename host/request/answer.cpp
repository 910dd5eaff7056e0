#include "request/answer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <dojo/header_fields.hpp>
#include <dojo/wire/compression.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/envelope.hpp>
#include <dojo/wire/stream.hpp>

#include "text/words.hpp"

namespace dojo::request {
namespace {

using detail::for_each_field;
using text::take;

/// `q=0`, `q=0.000`: RFC 9110 §12.4.2.
bool is_zero_weight(std::string_view parameter) {
  const auto name = take(parameter, '=');
  if (!text::same_word(name, "q")) return false;
  parameter = text::trim(parameter);
  return !parameter.empty() && parameter.find_first_not_of("0.") == std::string_view::npos;
}

/// Those that a plugin does not decide: the host's own, what signs an answer, and what
/// net::HeaderLines leaves out.
bool is_the_hosts(std::string_view name) {
  constexpr std::array<std::string_view, 2> kOurs{"x-dojo-", "x-tw-resp-"};
  return std::ranges::any_of(
             kOurs,
             [&](auto ours) { return text::same_word(name.substr(0, ours.size()), ours); }) ||
         text::same_word(name, wire::kRequestIdHeader);
}

/// The headers that every answer has.
net::Response begin_answer(const Terms& terms, int status, Code code) {
  net::Response answer;
  answer.status = status;
  answer.headers.add(wire::kCodeHeader, to_string(code));
  answer.headers.add(wire::kRequestIdHeader, terms.request_id);
  return answer;
}

void compress(net::Response& answer, const Terms& terms) {
  if (!terms.accepts_zstd) return;
  if (auto compressed = wire::compress(answer.body, terms.compression_level)) {
    answer.body = std::move(*compressed);
    answer.headers.add("content-encoding", "zstd");
  }
}

std::string body_of(const Terms& terms, Code code, std::string_view body,
                    std::optional<std::string_view> error, std::string_view metadata) {
  if (terms.style == Style::envelope) return wire::format_envelope(body, error, metadata);
  if (error)
    return wire::format_error(
        {std::string(to_string(code)), std::string(*error), terms.request_id});
  return std::string(body.empty() ? "{}" : body);
}

}  // namespace

bool accepts_zstd(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    auto item = take(accept_encoding, ',');
    if (!text::same_word(take(item, ';'), "zstd")) continue;
    while (!item.empty()) {
      if (is_zero_weight(take(item, ';'))) return false;
    }
    return true;
  }
  return false;
}

net::Response make_answer(const Terms& terms, int status, Code code, std::string_view body,
                          std::optional<std::string_view> error, std::string_view metadata) {
  auto answer = begin_answer(terms, status, code);
  answer.headers.add("content-type", "application/json");
  if (terms.head_only) return answer;
  answer.body = body_of(terms, code, body, error, metadata);
  compress(answer, terms);
  return answer;
}

net::Response make_raw_answer(const Terms& terms, int status, std::string_view body,
                              std::string_view fields) {
  auto answer = begin_answer(terms, status, status < 400 ? Code::ok : Code::handler);
  bool typed = false;
  bool coded = false;
  for_each_field(fields, [&](std::string_view name, std::string_view value) {
    if (is_the_hosts(name)) return;
    typed = typed || text::same_word(name, "content-type");
    coded = coded || text::same_word(name, "content-encoding");
    answer.headers.add(name, value);
  });
  if (body.empty()) return answer;
  if (!typed) answer.headers.add("content-type", "application/octet-stream");
  answer.body = body;
  if (!coded) compress(answer, terms);
  return answer;
}

net::Response make_stream_head(const Terms& terms) {
  auto head = begin_answer(terms, 200, Code::ok);
  head.headers.add("content-type", wire::kStreamType);
  head.headers.add("cache-control", "no-store");
  return head;
}

std::optional<std::string> check_fields(std::string_view fields) {
  std::optional<std::string> fault;
  for_each_field(fields, [&](std::string_view name, std::string_view value) {
    net::HeaderLines line;
    line.add(name, value);
    if (!line.sound()) fault = "no header field: a name, a colon and a value, on a line of its own";
  });
  return fault;
}

net::Response make_answer(const Terms& terms, const Refusal& refusal) {
  auto answer = make_answer(terms, refusal.status.value_or(http_status(terms.style, refusal.code)),
                            refusal.code, {}, refusal.told, {});
  if (refusal.retry_after) {
    answer.headers.add("retry-after", std::to_string(refusal.retry_after->count()));
  }
  if (!refusal.allow.empty()) answer.headers.add("allow", refusal.allow);
  answer.close = refusal.close;
  return answer;
}

}  // namespace dojo::request
