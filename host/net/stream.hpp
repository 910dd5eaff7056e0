// The body of an answer that is sent as it is written, piece by piece.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

namespace dojo::net {

class Exchange;

/// Between who writes an answer and the connection that sends it. Holds a little of it, whoever is
/// slower: the writer is told to wait then, and called once there is room. Any thread.
class Stream {
 public:
  /// Bytes that wait here before a writer is to wait: what it writes next is still taken whole, so
  /// that there may be one piece more.
  static constexpr std::size_t kHeld = 16 << 10;
  /// Bytes of the budget for answers that a stream takes as long as it lasts: those that wait here,
  /// as many on their way into the kernel, and what the kernel has not sent.
  static constexpr std::size_t kCharge = 64 << 10;

  enum class Wrote {
    yes,
    full,  ///< nothing was taken; Exchange::on_room() follows, once
    gone,  ///< nobody reads it any more
  };

  /// @param exchange whose answer it is
  explicit Stream(Exchange& exchange) : exchange_(exchange) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// For the writer, who holds the exchange. Throws std::bad_alloc, and has taken nothing then.
  Wrote write(std::string_view piece);
  /// Has Exchange::on_room() called once there is room for kHeld bytes, which may be at once.
  void want_room();
  /// The end. @param whole false: the peer is to see that something is missing @param last piece of
  /// it, taken even where there is no room
  void end(bool whole, std::string_view last = {});

  /// What there is to send.
  struct Batch {
    std::string bytes;
    bool ended = false;
    bool whole = false;  ///< if it has ended
  };
  /// For the reactor: it comes to look, since it was rung for. What is written next rings again.
  void heard();
  /// Takes what has been written. on_room() is called if somebody waits for it.
  Batch take();
  /// Has the reactor come back to it, as if something had been written.
  void ring();
  /// Nobody reads it any more: what is written from now on is told so. @return false if it was so
  /// before
  bool abandon();

 private:
  [[nodiscard]] bool has_rung();

  Exchange& exchange_;
  std::mutex mutex_;
  std::string held_;      // the rest is guarded by it
  bool rung_ = true;      // the reactor has been told, at first by the head
  bool wanting_ = false;  // somebody waits for room
  bool ended_ = false;
  bool whole_ = false;
  bool gone_ = false;
};

}  // namespace dojo::net
