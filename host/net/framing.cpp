#include "net/framing.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include "net/grammar.hpp"
#include "text/words.hpp"

namespace dojo::net {
namespace {

namespace http = boost::beast::http;

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

/// Beast's parser, which tells a Head where its parts are.
class HeadParser final : public http::basic_parser<true> {
 public:
  explicit HeadParser(Head& head) : head_(head) {}
  [[nodiscard]] int version() const { return version_; }  ///< 11 or 10

 private:
  using Error = boost::beast::error_code;
  using Text = boost::beast::string_view;

  void on_request_impl(http::verb /*verb*/, Text method, Text target, int version,
                       Error& /*error*/) override {
    head_.set_method(view(method));
    head_.set_target(view(target));
    version_ = version;
  }
  void on_field_impl(http::field /*field*/, Text name, Text value, Error& /*error*/) override {
    head_.add(view(name), view(value));
  }
  void on_header_impl(Error& /*error*/) override {}
  // It stops after the head.
  void on_response_impl(int /*code*/, Text /*reason*/, int /*version*/, Error& /*error*/) override {
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         Error& /*error*/) override {}
  std::size_t on_body_impl(Text body, Error& /*error*/) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/,
                            Error& /*error*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, Text body, Error& /*error*/) override {
    return body.size();
  }
  void on_finish_impl(Error& /*error*/) override {}

  Head& head_;
  int version_ = 0;
};

/// `http://host/path` becomes `/path`, and its host the request's (RFC 9112, 3.2.2).
Check reduce_absolute_form(Head& head) {
  const auto target = head.target();
  const std::size_t colon = target.find("://");
  if (colon == std::string::npos) return Refusal{400, "bad request target"};
  const auto scheme = target.substr(0, colon);
  if (!text::same_word(scheme, "http") && !text::same_word(scheme, "https"))
    return Refusal{400, "bad request target"};
  const std::size_t begin = colon + 3;
  const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
  const auto authority = target.substr(begin, end - begin);
  if (authority.empty() || authority.front() == ':' || !is_host(authority)) {
    return Refusal{400, "bad host in the request target"};
  }
  head.reduce_target(authority, target.substr(end));
  return std::nullopt;
}

Check check_target(Head& head, const Limits& limits) {
  const auto target = head.target();
  if (target.size() > limits.max_target) return Refusal{414, "request target too long"};
  const auto odd = [](char c) { return c <= ' ' || c >= 0x7f || c == '#'; };
  if (std::any_of(target.begin(), target.end(), odd)) return Refusal{400, "bad request target"};
  if (target.front() == '/' || (target == "*" && head.method() == "OPTIONS")) return std::nullopt;
  return reduce_absolute_form(head);
}

Check check_host(const Head& head, bool http11) {
  const auto count = head.count("host");
  if (count > 1) return Refusal{400, "more than one Host"};
  if (count == 0 && http11) return Refusal{400, "no Host"};
  if (!is_host(head.value("host"))) return Refusal{400, "bad Host"};
  return std::nullopt;
}

Check check_length(const Head& head, const Limits& limits, Framing& framing) {
  const auto lengths = head.count("content-length");
  const auto encodings = head.count("transfer-encoding");
  if (encodings > 0) {
    if (lengths > 0) return Refusal{400, "both Content-Length and Transfer-Encoding"};
    if (!framing.http11 || encodings > 1) return Refusal{400, "bad Transfer-Encoding"};
    if (!text::same_word(head.value("transfer-encoding"), "chunked"))
      return Refusal{501, "only the chunked Transfer-Encoding is known"};
    framing.chunked = true;
  }
  if (lengths == 0) return std::nullopt;
  const auto length = head.value("content-length");
  const auto [stop, error] =
      std::from_chars(length.data(), length.data() + length.size(), framing.content_length);
  const bool whole = stop == length.data() + length.size();
  if (lengths > 1 || !whole || error != std::errc{}) return Refusal{400, "bad Content-Length"};
  if (framing.content_length > limits.max_body) return Refusal{413, "body too large"};
  return std::nullopt;
}

Check check_expect(const Head& head, Framing& framing) {
  if (!framing.http11) return std::nullopt;  // to be ignored (RFC 9110, 10.1.1)
  const auto count = head.count("expect");
  if (count == 0) return std::nullopt;
  if (count > 1 || !text::same_word(head.value("expect"), "100-continue"))
    return Refusal{417, "unknown expectation"};
  framing.expects_continue = framing.has_body();
  return std::nullopt;
}

bool wants_keep_alive(const Head& head, bool http11) {
  bool close = false;
  bool keep = http11;
  head.for_each("connection", [&](std::string_view value) {
    for (const auto word : http::token_list({value.data(), value.size()})) {
      if (text::same_word(view(word), "close")) close = true;
      if (text::same_word(view(word), "keep-alive")) keep = true;
    }
  });
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
  std::string().swap(body_);
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
  if (!text::is_token(head.substr(0, 1))) return refuse(400, "bad method");
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
  head_.assign(head);
  const auto bytes = head_.bytes();
  HeadParser parser(head_);
  parser.eager(false);  // stops after the head
  // Ours is checked below; boost::none would refuse every Content-Length.
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  parser.header_limit(static_cast<std::uint32_t>(bytes.size() + 1));
  boost::beast::error_code error;
  const std::size_t used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error || used != bytes.size() || !parser.is_header_done()) {
    const Refusal refusal = error ? explain(error) : Refusal{400, "malformed request"};
    return refuse(refusal.status, refusal.why);
  }
  framing_ = Framing{};
  framing_.http11 = parser.version() == 11;
  Check refusal = check_host(head_, framing_.http11);
  if (!refusal) refusal = check_target(head_, *limits_);
  if (!refusal) refusal = check_length(head_, *limits_, framing_);
  if (!refusal) refusal = check_expect(head_, framing_);
  if (refusal) return refuse(refusal->status, refusal->why);
  framing_.keep_alive = wants_keep_alive(head_, framing_.http11);
  framing_.head_only = head_.is_head();
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
  const std::size_t needed = body_.size() + payload.size();
  if (needed > body_.capacity()) {
    const auto doubled = std::max<std::uint64_t>(needed, 2 * body_.size());
    const auto room = expected > 0 ? std::min(expected, doubled) : doubled;
    std::string larger;  // reserve() on a string that is in use would double what it has
    larger.reserve(static_cast<std::size_t>(room) + kBodySlack);
    larger.append(body_);
    body_.swap(larger);
  }
  body_.append(payload);
}

std::string Framer::take_body() {
  auto taken = std::exchange(body_, {});
  stage_ = Stage::head;
  blank_ = line_start_ = scanned_ = lines_ = head_size_ = 0;
  chunks_ = ChunkReader{};
  discard_ = false;
  body_received_ = 0;
  return taken;
}

}  // namespace dojo::net
