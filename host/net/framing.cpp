#include "net/framing.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include "net/grammar.hpp"

namespace dojo::net {
namespace {

namespace http = boost::beast::http;
using Fields = http::fields;

constexpr std::size_t kMaxBlank = 16;  // bytes of empty lines before a request line (RFC 9112, 2.2)
constexpr std::size_t kKeptCapacity = 4 << 10;  // an idle connection keeps no larger buffer

struct Refusal {
  int status;
  std::string_view why;
};
using Check = std::optional<Refusal>;

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

/// True if the line is two words and ` HTTP/d.d`, as every request line must be.
bool has_three_parts(std::string_view line) {
  if (line.size() < 9 || std::count(line.begin(), line.end(), ' ') != 2) return false;
  const std::string_view version = line.substr(line.size() - 9);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return version.starts_with(" HTTP/") && digit(version[6]) && version[7] == '.' &&
         digit(version[8]);
}

Refusal explain(boost::beast::error_code error) {
  switch (static_cast<http::error>(error.value())) {
    case http::error::bad_method:
      return {400, "bad method"};
    case http::error::bad_target:
      return {400, "bad request target"};
    case http::error::bad_version:
      return {505, "this is an HTTP/1.1 server"};
    case http::error::bad_field:
      return {400, "bad header name"};
    case http::error::bad_value:
      return {400, "bad header value"};
    case http::error::bad_line_ending:
      return {400, "bare CR"};
    case http::error::bad_content_length:
      return {400, "bad Content-Length"};
    case http::error::bad_transfer_encoding:
      return {400, "bad Transfer-Encoding"};
    default:
      return {400, "malformed request"};
  }
}

/// The only field of that name, if there is one; `count` tells how many there are.
std::string_view single(const Fields& fields, http::field name, std::size_t& count) {
  const auto [first, last] = fields.equal_range(name);
  count = static_cast<std::size_t>(std::distance(first, last));
  return count == 0 ? std::string_view{} : view(first->value());
}

/// `http://host/path` becomes `/path`, and its host the request's (RFC 9112, 3.2.2).
Check reduce_absolute_form(std::string& target, Fields& fields) {
  const std::size_t colon = target.find("://");
  if (colon == std::string::npos) return Refusal{400, "bad request target"};
  const std::string_view scheme = std::string_view(target).substr(0, colon);
  if (!same_word(scheme, "http") && !same_word(scheme, "https"))
    return Refusal{400, "bad request target"};
  const std::size_t begin = colon + 3;
  const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
  const std::string_view authority = std::string_view(target).substr(begin, end - begin);
  if (authority.empty() || authority.front() == ':' || !is_host(authority)) {
    return Refusal{400, "bad host in the request target"};
  }
  fields.set(http::field::host, boost::beast::string_view(authority.data(), authority.size()));
  target.erase(0, end);
  if (target.empty() || target.front() != '/') target.insert(0, 1, '/');
  return std::nullopt;
}

Check check_target(std::string& target, std::string_view method, Fields& fields,
                   const Limits& limits) {
  if (target.size() > limits.max_target) return Refusal{414, "request target too long"};
  const auto odd = [](char c) { return c <= ' ' || c >= 0x7f || c == '#'; };
  if (std::any_of(target.begin(), target.end(), odd)) return Refusal{400, "bad request target"};
  if (target.front() == '/' || (target == "*" && method == "OPTIONS")) return std::nullopt;
  return reduce_absolute_form(target, fields);
}

Check check_host(const Fields& fields, bool http11) {
  std::size_t count = 0;
  const std::string_view host = single(fields, http::field::host, count);
  if (count > 1) return Refusal{400, "more than one Host"};
  if (count == 0 && http11) return Refusal{400, "no Host"};
  if (!is_host(host)) return Refusal{400, "bad Host"};
  return std::nullopt;
}

Check check_length(const Fields& fields, const Limits& limits, Framing& framing) {
  std::size_t lengths = 0;
  std::size_t encodings = 0;
  const std::string_view length = single(fields, http::field::content_length, lengths);
  const std::string_view encoding = single(fields, http::field::transfer_encoding, encodings);
  if (encodings > 0) {
    if (lengths > 0) return Refusal{400, "both Content-Length and Transfer-Encoding"};
    if (!framing.http11 || encodings > 1) return Refusal{400, "bad Transfer-Encoding"};
    if (!same_word(encoding, "chunked"))
      return Refusal{501, "only the chunked Transfer-Encoding is known"};
    framing.chunked = true;
  }
  if (lengths == 0) return std::nullopt;
  const auto [stop, error] =
      std::from_chars(length.data(), length.data() + length.size(), framing.content_length);
  const bool whole = stop == length.data() + length.size();
  if (lengths > 1 || !whole || error != std::errc{}) return Refusal{400, "bad Content-Length"};
  if (framing.content_length > limits.max_body) return Refusal{413, "body too large"};
  return std::nullopt;
}

Check check_expect(const Fields& fields, Framing& framing) {
  if (!framing.http11) return std::nullopt;  // to be ignored (RFC 9110, 10.1.1)
  std::size_t count = 0;
  const std::string_view expect = single(fields, http::field::expect, count);
  if (count == 0) return std::nullopt;
  if (count > 1 || !same_word(expect, "100-continue")) return Refusal{417, "unknown expectation"};
  framing.expects_continue = framing.has_body();
  return std::nullopt;
}

bool wants_keep_alive(const Fields& fields, bool http11) {
  bool close = false;
  bool keep = http11;
  const auto [first, last] = fields.equal_range(http::field::connection);
  for (auto field = first; field != last; ++field) {
    for (const auto word : http::token_list(field->value())) {
      if (same_word(view(word), "close")) close = true;
      if (same_word(view(word), "keep-alive")) keep = true;
    }
  }
  return keep && !close;
}

}  // namespace

std::string_view Framer::input(std::string_view bytes) const {
  return pending_.empty() ? bytes : std::string_view(pending_).substr(offset_);
}

void Framer::consume(std::size_t count, std::string_view& bytes) {
  if (pending_.empty()) {
    bytes.remove_prefix(count);
    return;
  }
  offset_ += count;
  if (offset_ < pending_.size()) return;
  offset_ = 0;
  pending_.clear();
  if (pending_.capacity() > kKeptCapacity) std::string().swap(pending_);
}

/// Puts the unfinished rest aside. What was consumed goes first, so that the buffer does not creep.
void Framer::stash(std::string_view& bytes) {
  pending_.erase(0, std::exchange(offset_, 0));
  pending_.append(bytes);
  bytes = {};
}

Framer::Event Framer::refuse(int status, std::string_view why) {
  stage_ = Stage::refused;
  status_ = status;
  why_ = why;
  std::string().swap(pending_);
  std::string().swap(request_.body);
  offset_ = 0;
  return Event::refused;
}

Framer::Event Framer::next(std::string_view& bytes) {
  if (!pending_.empty() && !bytes.empty()) stash(bytes);
  switch (stage_) {
    case Stage::head:
      return read_head(bytes);
    case Stage::body:
      return read_body(bytes);
    case Stage::whole:
      return Event::request;
    case Stage::refused:
      break;
  }
  bytes = {};
  return Event::refused;
}

Framer::Event Framer::read_head(std::string_view& bytes) {
  while (blank_ % 2 == 0 ? input(bytes).starts_with('\r') : input(bytes).starts_with('\n')) {
    consume(1, bytes);
    if (++blank_ > kMaxBlank) return refuse(400, "too many empty lines before the request");
  }
  const std::string_view head = input(bytes);
  if (head.empty()) return Event::need_more;
  if (blank_ % 2 != 0) return refuse(400, "bare CR");
  if (!is_token(head.substr(0, 1))) return refuse(400, "bad method");
  if (const auto refusal = scan(head)) return *refusal;
  if (head_size_ == 0) {
    if (pending_.empty()) stash(bytes);
    return Event::need_more;
  }
  const Event event = parse(head.substr(0, head_size_));
  if (event == Event::head) consume(head_size_, bytes);
  return event;
}

/// Looks for the head's end, line by line, going on where it left off.
std::optional<Framer::Event> Framer::scan(std::string_view head) {
  const std::string_view window = head.substr(0, limits_->max_head);
  while (head_size_ == 0) {
    const std::size_t newline = window.find('\n', scanned_);
    if (newline == std::string_view::npos) {
      scanned_ = window.size();
      if (head.size() < limits_->max_head) return std::nullopt;
      return lines_ == 0 ? refuse(414, "request line too long") : refuse(431, "headers too large");
    }
    scanned_ = newline + 1;
    if (newline == line_start_ || head[newline - 1] != '\r') return refuse(400, "bare LF");
    const std::string_view line = head.substr(line_start_, newline - 1 - line_start_);
    if (line.empty()) head_size_ = scanned_;
    if (const auto refusal = scan_line(line)) return refusal;
    line_start_ = scanned_;
    ++lines_;
  }
  return std::nullopt;
}

std::optional<Framer::Event> Framer::scan_line(std::string_view line) {
  if (lines_ == 0) {
    if (!has_three_parts(line)) return refuse(400, "malformed request line");
  } else if (!line.empty()) {
    if (line.front() == ' ' || line.front() == '\t') return refuse(400, "folded header");
    if (lines_ > limits_->max_headers) return refuse(431, "too many headers");
  }
  return std::nullopt;
}

Framer::Event Framer::parse(std::string_view head) {
  http::request_parser<http::empty_body> parser;
  parser.eager(false);  // stops after the head
  // Ours is checked below; boost::none would refuse every Content-Length.
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  boost::beast::error_code error;
  const std::size_t used = parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error || used != head.size() || !parser.is_header_done()) {
    const Refusal refusal = error ? explain(error) : Refusal{400, "malformed request"};
    return refuse(refusal.status, refusal.why);
  }
  auto& message = parser.get();
  request_.method.assign(view(message.method_string()));
  request_.target.assign(view(message.target()));
  framing_ = Framing{};
  framing_.http11 = message.version() == 11;
  Fields& fields = message;
  Check refusal = check_host(fields, framing_.http11);
  if (!refusal) refusal = check_target(request_.target, request_.method, fields, *limits_);
  if (!refusal) refusal = check_length(fields, *limits_, framing_);
  if (!refusal) refusal = check_expect(fields, framing_);
  if (refusal) return refuse(refusal->status, refusal->why);
  framing_.keep_alive = wants_keep_alive(fields, framing_.http11);
  request_.headers = std::move(fields);
  stage_ = Stage::body;
  return Event::head;
}

Framer::Event Framer::read_body(std::string_view& bytes) {
  return framing_.chunked ? read_chunks(bytes) : read_fixed(bytes);
}

Framer::Event Framer::read_fixed(std::string_view& bytes) {
  const std::uint64_t left = framing_.content_length - body_received_;
  const std::string_view rest = input(bytes);
  const std::string_view payload =
      rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, rest.size())));
  append(payload, framing_.content_length);
  if (!payload.empty()) consume(payload.size(), bytes);
  if (body_received_ < framing_.content_length) return Event::need_more;
  stage_ = Stage::whole;
  return Event::request;
}

Framer::Event Framer::read_chunks(std::string_view& bytes) {
  for (;;) {
    const std::string_view rest = input(bytes);
    if (rest.empty()) return Event::need_more;
    const ChunkReader::Step step = chunks_.next(rest);
    switch (step.event) {
      case ChunkReader::Event::malformed:
        return refuse(400, chunks_.why());
      case ChunkReader::Event::need_more:
        if (pending_.empty()) stash(bytes);
        return Event::need_more;
      case ChunkReader::Event::data:
      case ChunkReader::Event::end:
        break;
    }
    if (chunks_.announced() > limits_->max_body) return refuse(413, "body too large");
    append(step.payload, 0);
    consume(step.used, bytes);
    if (step.event == ChunkReader::Event::end) {
      stage_ = Stage::whole;
      return Event::request;
    }
  }
}

/// @param expected the body's size if it is known: growth stops there, but never runs ahead of
/// twice what has come.
void Framer::append(std::string_view payload, std::uint64_t expected) {
  body_received_ += payload.size();
  if (discard_ || payload.empty()) return;
  std::string& body = request_.body;
  const std::size_t needed = body.size() + payload.size();
  if (needed > body.capacity() && expected > 0) {
    std::string larger;  // reserve() on a string that is in use would double what it has
    larger.reserve(static_cast<std::size_t>(
        std::min<std::uint64_t>(expected, std::max(needed, 2 * body.size()))));
    larger.append(body);
    body.swap(larger);
  }
  body.append(payload);
}

Request Framer::take_request() {
  Request taken = std::exchange(request_, Request{});
  stage_ = Stage::head;
  blank_ = line_start_ = scanned_ = lines_ = head_size_ = 0;
  chunks_ = ChunkReader{};
  discard_ = false;
  body_received_ = 0;
  return taken;
}

}  // namespace dojo::net
