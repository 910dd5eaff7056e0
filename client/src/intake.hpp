// A streamed answer, between the connection that it comes on and who reads it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <dojo/client/options.hpp>
#include <dojo/client/response.hpp>
#include <dojo/wire/stream.hpp>

#include "call.hpp"

namespace dojo::detail {

class Engine;

/// Holds a little of it, whoever is slower. One is used for one call.
class Intake {
 public:
  /// @param kept whether all chunks are kept too, joined: what their signature is about
  Intake(const SendOptions& options, bool kept)
      : first_by_(options.timeout), limits_(options.stream), kept_(kept) {}
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // The I/O thread.

  /// It is on its way. @param engine to be told once there is room again, by the call's id;
  /// outlives the call
  void begin(Engine& engine, CallId id);
  /// Its head has come, and says that it is a stream. @return false if there is no room: come again
  /// once the engine is told
  bool take(std::string_view bytes);
  /// The first of the bytes that follow are those of a stream.
  [[nodiscard]] bool has_begun() const;
  /// What ends it, if anything does: it takes too long, or is no such stream. To be asked every
  /// second.
  [[nodiscard]] std::optional<SendError> fault() const;

  // The thread that hands answers over.

  /// How it ended; nothing if it has not begun. @param body where its chunks are put if they are
  /// kept
  [[nodiscard]] std::optional<StreamOutcome> outcome(std::string& body);
  void finish(Response&& response);

  // Who reads.

  /// The next chunk; waits. @return nothing once there is none any more
  std::optional<std::string> next();
  /// What came of it all; waits.
  const Response& result();

 private:
  static constexpr std::size_t kHeld = std::size_t{64} << 10;  // bytes
  static constexpr std::size_t kAround = 64;  // bytes that a chunk takes beside its own

  void on_event(std::string_view event, std::string_view data);
  void fail(SendError::Kind kind, std::string_view why);

  const std::chrono::milliseconds first_by_;
  const StreamLimits limits_;
  const bool kept_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Engine* engine_ = nullptr;  // while it may be told
  CallId id_ = 0;
  Clock::time_point began_{};
  Clock::time_point last_{};  // when an event was whole, or was waited for
  bool begun_ = false;
  bool paused_ = false;
  std::uint64_t bytes_ = 0;
  std::size_t held_ = 0;
  std::deque<std::string> chunks_;
  std::string all_;
  wire::EventReader events_;
  wire::StreamDigest digest_;
  std::optional<wire::StreamEnd> end_;
  std::optional<SendError> fault_;
  std::optional<Response> result_;
};

}  // namespace dojo::detail
