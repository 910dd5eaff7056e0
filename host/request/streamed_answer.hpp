// An answer that a plugin writes in chunks: docs/wire.md, Streams.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

#include <dojo/wire/stream.hpp>

#include "net/exchange.hpp"

namespace dojo::request {

class Exchange;

/// Begins with the first chunk: what goes wrong before is answered as of any other request. Any
/// thread.
class StreamedAnswer {
 public:
  /// @param exchange whose answer it is, and which has it @param most bytes of chunks in all
  StreamedAnswer(Exchange& exchange, std::size_t most) : exchange_(exchange), most_(most) {}
  StreamedAnswer(const StreamedAnswer&) = delete;
  StreamedAnswer& operator=(const StreamedAnswer&) = delete;

  enum class Wrote {
    yes,
    full,      ///< nothing was taken; net::Exchange::on_room() follows
    gone,      ///< nobody reads it, or it has been answered otherwise
    too_long,  ///< nothing was taken: it would be more than there may be
  };
  /// @param chunk without fault, see fault_of_chunk() @throws std::bad_alloc
  Wrote write(std::string_view chunk);
  /// As net::Stream's; nothing if it has not begun.
  void want_room();
  /// Begins without a chunk, unless it has begun or been answered otherwise. @throws std::bad_alloc
  void begin();
  /// The end. @param whole false: the caller is to see that something is missing @return false if
  /// it had not begun, or had ended
  bool end(bool whole) noexcept;

  /// True from the first chunk on: nobody else answers.
  [[nodiscard]] bool has_begun() const { return begun_; }
  /// Chunks, and their bytes; once it has ended.
  [[nodiscard]] std::uint64_t chunks() const { return digest_.count(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  /// @return null if it has been answered otherwise
  net::Stream* open();
  [[nodiscard]] std::string end_event() const;

  Exchange& exchange_;
  const std::size_t most_;
  std::atomic<bool> begun_{false};
  std::mutex mutex_;  // guards the rest
  bool ended_ = false;
  std::size_t bytes_ = 0;
  wire::StreamDigest digest_;
};

}  // namespace dojo::request
