// A streamed answer, as it comes. See client.hpp.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include <dojo/client/response.hpp>
#include <dojo/model.hpp>

namespace dojo {

namespace detail {

class Intake;

/// The reading end of a call. Cancels the call if it goes before that has ended.
class StreamReader {
 public:
  StreamReader(std::shared_ptr<Intake> intake, std::stop_source stop, const std::stop_token& also);
  StreamReader(StreamReader&& other) noexcept;
  StreamReader& operator=(StreamReader&& other) noexcept;
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;
  ~StreamReader();

  std::optional<std::string> next();
  void cancel();
  const Response& result();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detail

/// The chunks of an answer, pulled one by one:
///
///   auto stream = client.open_stream<Token>(url, Ask{…}, {.to = hotkey});
///   while (auto token = stream.next()) show(token->text);
///   if (!stream.result().ok()) complain(stream.result().reason());
///
/// Nothing of it is proven to be whole, or the miner's, before result() says so. What is not pulled
/// is not received: a few ten kilobytes are held. Going away cancels it. Move-only; for one thread
/// at a time, and not for a callback of the client's.
/// @tparam Chunk a model, or RawJson
template <class Chunk>
class ChunkStream {
 public:
  explicit ChunkStream(detail::StreamReader reader) : reader_(std::move(reader)) {}

  /// Waits for the next chunk. @return nothing once there is none any more: see result()
  std::optional<Chunk> next() {
    if (exception_) return std::nullopt;
    auto json = reader_.next();
    if (!json) return std::nullopt;
    if constexpr (std::is_same_v<Chunk, RawJson>) {
      return RawJson{std::move(*json)};
    } else {
      auto chunk = from_json<Chunk>(*json);
      if (chunk) return std::move(*chunk);
      exception_ = SendError{
          SendError::Kind::invalid_body,
          "a chunk is no " + std::string(model_name<Chunk>()) + ": " + chunk.error().message};
      reader_.cancel();
      return std::nullopt;
    }
  }
  /// Ends it here: what comes of it is `cancelled`, unless it has ended.
  void cancel() { reader_.cancel(); }
  /// What came of it. Waits for the end, and passes over the chunks that are left. An answer that
  /// is no stream is here, too: a refusal as a rule.
  const Response& result() {
    while (next()) {
    }
    if (!result_) {
      result_ = reader_.result();
      if (exception_) result_->exception = exception_;
    }
    return *result_;
  }

 private:
  detail::StreamReader reader_;
  std::optional<SendError> exception_;
  std::optional<Response> result_;
};

}  // namespace dojo
