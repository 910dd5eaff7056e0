// HTTP/1.1 requests out of a stream of bytes, without sockets (RFC 9112). Strict: what two servers
// could read in two ways is refused. The head is Boost.Beast's parser's work, with the checks that
// it leaves out; why the body is not is told in chunks.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/chunks.hpp"
#include "net/head.hpp"
#include "net/server.hpp"

namespace dojo::net {

/// What the head says about the message and the connection.
struct Framing {
  bool http11 = true;             ///< else 1.0
  bool keep_alive = true;         ///< what the peer asks for, or its version's default
  bool expects_continue = false;  ///< waits for 100 Continue before it sends the body
  bool chunked = false;
  bool head_only = false;            ///< it is a HEAD
  std::uint64_t content_length = 0;  ///< 0 if chunked

  [[nodiscard]] bool has_body() const { return chunked || content_length > 0; }
};

/// So many bytes fit behind a body without its being moved: room for who reads it in wide steps.
inline constexpr std::size_t kBodySlack = 64;

/// One connection's requests, one after the other. The outcome depends on the bytes alone, never on
/// how they were cut into pieces, and costs time linear in their number. Memory follows the bytes
/// that came, not those announced.
class Framer {
 public:
  enum class Event {
    need_more,  ///< all of the input is taken in, and no request is whole
    head,       ///< take_head(); nothing of the body is kept yet. Told once a request
    request,    ///< a request is whole: take_body()
    refused,    ///< status() and why() say what to answer; there is no way on from here
  };

  /// `limits` must outlive the framer.
  explicit Framer(const Limits& limits) : limits_(&limits) {}

  /// Goes on to the next event. Takes what it uses off the front of `bytes`; after need_more
  /// nothing is left of it.
  Event next(std::string_view& bytes);
  /// Keeps bytes that belong to a later request, for a next() to come.
  void keep(std::string_view bytes) { pending_.append(bytes); }

  /// At Event::head: the head, once.
  [[nodiscard]] Head take_head() { return std::move(head_); }
  /// Of the request under way, from Event::head on.
  [[nodiscard]] const Framing& framing() const { return framing_; }
  /// At Event::request: the body. The framer is ready for the request after it.
  [[nodiscard]] std::string take_body();
  /// From Event::head on: reads the body without keeping it.
  void discard_body() { discard_ = true; }

  /// True from the first byte of a request until it is taken.
  [[nodiscard]] bool started() const { return stage_ != Stage::head || has_input(); }
  [[nodiscard]] bool in_body() const { return stage_ == Stage::body; }
  /// True if bytes are kept that next() has not looked at or not understood.
  [[nodiscard]] bool has_input() const { return offset_ < pending_.size(); }
  /// Bytes of memory held for the peer.
  [[nodiscard]] std::size_t held() const {
    return (pending_.empty() ? 0 : pending_.capacity()) + (body_.empty() ? 0 : body_.capacity());
  }
  /// Bytes of payload that have come, kept or not: what the body's deadline goes by.
  [[nodiscard]] std::uint64_t body_received() const { return body_received_; }

  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] std::string_view why() const { return why_; }

 private:
  enum class Stage { head, body, whole, refused };

  [[nodiscard]] std::string_view input(std::string_view bytes) const;
  void consume(std::size_t count, std::string_view& bytes);
  void stash(std::string_view& bytes);
  Event refuse(int status, std::string_view why);

  Event read_head(std::string_view& bytes);
  std::optional<Event> scan(std::string_view head);
  std::optional<Event> scan_line(std::string_view line);
  Event parse(std::string_view head);
  Event read_body(std::string_view& bytes);
  Event read_fixed(std::string_view& bytes);
  Event read_chunks(std::string_view& bytes);
  void append(std::string_view payload, std::uint64_t expected);

  const Limits* limits_;
  Stage stage_ = Stage::head;
  std::string pending_;  // kept input, looked at from offset_ on
  std::size_t offset_ = 0;

  // How far the head has been looked through.
  std::size_t blank_ = 0;  // bytes of empty lines before the request line
  std::size_t line_start_ = 0;
  std::size_t scanned_ = 0;
  std::size_t lines_ = 0;
  std::size_t head_size_ = 0;  // 0 until its end is seen

  Head head_;
  std::string body_;
  Framing framing_;
  ChunkReader chunks_;
  bool discard_ = false;
  std::uint64_t body_received_ = 0;
  int status_ = 0;
  std::string_view why_;
};

}  // namespace dojo::net
