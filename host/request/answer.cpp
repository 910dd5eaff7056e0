#include "request/answer.hpp"

#include <cstddef>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/envelope.hpp>

#include "text/words.hpp"

namespace dojo::request {
namespace {

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// Cuts `list` at its first `separator`: the part before it is returned, the rest stays.
std::string_view take(std::string_view& list, char separator) {
  const auto end = list.find(separator);
  const auto item = list.substr(0, end);
  list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  return trim(item);
}

/// `q=0`, `q=0.000`: RFC 9110 §12.4.2.
bool is_zero_weight(std::string_view parameter) {
  const auto name = take(parameter, '=');
  if (!text::same_word(name, "q")) return false;
  parameter = trim(parameter);
  return !parameter.empty() && parameter.find_first_not_of("0.") == std::string_view::npos;
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
  net::Response answer;
  answer.status = status;
  answer.headers.add("content-type", "application/json");
  answer.headers.add(wire::kCodeHeader, to_string(code));
  answer.headers.add(wire::kRequestIdHeader, terms.request_id);
  if (terms.head_only) return answer;
  answer.body = wire::format_envelope(body, error, metadata);
  if (!terms.accepts_zstd) return answer;
  if (auto compressed = wire::compress(answer.body, terms.compression_level)) {
    answer.body = std::move(*compressed);
    answer.headers.add("content-encoding", "zstd");
  }
  return answer;
}

net::Response make_answer(const Terms& terms, const Refusal& refusal) {
  auto answer = make_answer(terms, refusal.status.value_or(http_status(refusal.code)), refusal.code,
                            {}, refusal.told, {});
  if (refusal.retry_after) {
    answer.headers.add("retry-after", std::to_string(refusal.retry_after->count()));
  }
  if (!refusal.allow.empty()) answer.headers.add("allow", refusal.allow);
  answer.close = refusal.close;
  return answer;
}

}  // namespace dojo::request
