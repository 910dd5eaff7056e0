#include "net/response_head.hpp"

#include <array>
#include <charconv>

#include <pistache/http_defs.h>

namespace dojo::net {
namespace {

void append_number(std::size_t number, std::string& out) {
  std::array<char, 20> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

void append_field(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

bool may_have_body(int status) {
  return status != 204 && status != 304;
}

bool is_sendable(const Response& response) {
  return response.status >= 200 && response.status <= 599 && response.headers.sound();
}

void append_head(const Response& response, const HeadFacts& facts, std::string& out) {
  out += "HTTP/1.1 ";
  append_number(static_cast<std::size_t>(response.status), out);
  out += ' ';
  out += Pistache::Http::codeString(static_cast<Pistache::Http::Code>(response.status));
  out += "\r\n";
  append_field("Date", facts.date, out);
  if (facts.streamed) {
    if (facts.http11) append_field("Transfer-Encoding", "chunked", out);
  } else if (may_have_body(response.status)) {
    out += "Content-Length: ";
    append_number(response.body.size(), out);
    out += "\r\n";
  }
  if (!facts.keep_alive) {
    append_field("Connection", "close", out);
  } else if (!facts.http11) {
    append_field("Connection", "keep-alive", out);
  }
  out.append(response.headers.text()).append("\r\n");
}

}  // namespace dojo::net
