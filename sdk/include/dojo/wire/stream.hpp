// Streamed answers: server-sent events (WHATWG HTML, 9.2) with an end that says how much there was,
// and by whom. docs/wire.md describes them. The format is taowire's (PyPI, 0.1.0a2,
// extensions/streaming.py).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <dojo/chunk.hpp>
#include <dojo/result.hpp>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace dojo::wire {

inline constexpr std::string_view kStreamType = "text/event-stream";
inline constexpr std::string_view kChunkEvent = "chunk";
inline constexpr std::string_view kEndEvent = "tw-end";

/// One event as it is sent. @param data without line breaks
std::string format_event(std::string_view event, std::string_view data);

/// What the end of a stream is about: SHA-256 over the data of all chunks, and how many there were.
class StreamDigest {
 public:
  /// @throws std::bad_alloc
  StreamDigest();
  /// @throws std::bad_alloc
  void add(std::string_view chunk);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Of those so far, lower-case hex. @throws std::bad_alloc
  [[nodiscard]] std::string hex() const;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
  std::uint64_t count_ = 0;
};

/// The data of the event that ends a stream.
struct StreamEnd {
  std::string digest;
  std::uint64_t count = 0;
  std::optional<std::string> signature;  ///< twresp/1's, status 200 and `digest`: 0x and hex
};
std::string format_stream_end(const StreamEnd& end);
/// @return an error (Code::malformed) for whatever is not exactly that: a key twice or too many, a
/// count that is no plain integer of 64 bits, a digest that is not 64 lower-case hex digits
Result<StreamEnd> parse_stream_end(std::string_view json);

/// Reads server-sent events as they come, in pieces of any size. Lines end with CR, LF or both;
/// comments, and fields that are none of ours, are passed over; an event that is not whole when the
/// stream ends is none. Not for two threads at once.
class EventReader {
 public:
  /// What a peer may make this hold, in bytes: a line, or the data of an event.
  static constexpr std::size_t kLongest = kLongestChunk + 1'024;

  /// @param on_event told each event, in order: its name ("message" if it has none) and its data
  /// @return an error (Code::too_large) if an event is too long; nothing more is read then
  Status feed(std::string_view bytes,
              const std::function<void(std::string_view event, std::string_view data)>& on_event);

 private:
  using OnEvent = std::function<void(std::string_view, std::string_view)>;
  void end_line(std::string_view line, const OnEvent& on_event);

  std::string line_;  // as far as it has come
  std::string event_;
  std::string data_;
  bool has_data_ = false;
  bool after_cr_ = false;  // a LF that comes next belongs to that
  bool first_ = true;      // line, which may begin with a byte order mark
};

}  // namespace dojo::wire
