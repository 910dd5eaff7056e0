#include "intake.hpp"

#include <utility>

#include <fmt/format.h>

#include "engine.hpp"

namespace dojo::detail {

void Intake::begin(Engine& engine, CallId id) {
  const std::lock_guard lock(mutex_);
  engine_ = &engine;
  id_ = id;
  began_ = last_ = Clock::now();
}

bool Intake::has_begun() const {
  const std::lock_guard lock(mutex_);
  return begun_;
}

bool Intake::take(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  begun_ = true;
  if (fault_) return true;  // it is about to end
  if (held_ >= kHeld) {
    paused_ = true;
    return false;
  }
  bytes_ += bytes.size();
  if (bytes_ > limits_.max_bytes) {
    fail(SendError::Kind::too_large, fmt::format("the stream is over {} bytes", limits_.max_bytes));
    return true;
  }
  const auto read = events_.feed(
      bytes, [this](std::string_view event, std::string_view data) { on_event(event, data); });
  if (!read) fail(SendError::Kind::too_large, read.error().message);
  changed_.notify_all();
  return true;
}

void Intake::on_event(std::string_view event, std::string_view data) {
  if (fault_) return;
  last_ = Clock::now();
  if (end_) return fail(SendError::Kind::bad_response, "the stream goes on behind its end");
  if (event == wire::kEndEvent) {
    auto end = wire::parse_stream_end(data);
    if (!end) return fail(SendError::Kind::bad_response, end.error().message);
    end_ = std::move(*end);
  } else if (event == wire::kChunkEvent) {
    if (const auto fault = fault_of_chunk(data))
      return fail(SendError::Kind::bad_response,
                  fmt::format("chunk {} is {}", digest_.count() + 1, *fault));
    digest_.add(data);
    if (kept_) all_ += data;
    held_ += data.size() + kAround;
    chunks_.emplace_back(data);
  }
}

void Intake::fail(SendError::Kind kind, std::string_view why) {
  fault_ = SendError{kind, std::string(why)};
}

std::optional<SendError> Intake::fault() const {
  const std::lock_guard lock(mutex_);
  if (fault_) return fault_;
  const auto now = Clock::now();
  const auto late = [](std::string_view what, std::chrono::milliseconds limit) {
    return SendError{SendError::Kind::timeout, fmt::format("{} within {} ms", what, limit.count())};
  };
  if (!begun_) {
    if (now - began_ > first_by_) return late("no answer", first_by_);
    return std::nullopt;
  }
  if (!paused_ && now - last_ > limits_.idle)
    return late("nothing more of the stream came", limits_.idle);
  if (now - began_ > limits_.max_time) return late("the stream has not ended", limits_.max_time);
  return std::nullopt;
}

std::optional<StreamOutcome> Intake::outcome(std::string& body) {
  const std::lock_guard lock(mutex_);
  if (!begun_) return std::nullopt;
  if (kept_) body = std::move(all_);
  StreamOutcome answer{.chunks = digest_.count(), .digest = digest_.hex()};
  if (!end_) {
    answer.fault = "the stream broke off before its end";
  } else if (end_->count != answer.chunks || end_->digest != answer.digest) {
    answer.fault = "the stream is not what its end says: something was lost or changed on the way";
  }
  if (end_) answer.signature = end_->signature;
  return answer;
}

void Intake::finish(Response&& response) {
  {
    const std::lock_guard lock(mutex_);
    engine_ = nullptr;
    result_ = std::move(response);
  }
  changed_.notify_all();
}

std::optional<std::string> Intake::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !chunks_.empty() || result_; });
  if (chunks_.empty()) return std::nullopt;
  auto chunk = std::move(chunks_.front());
  chunks_.pop_front();
  held_ -= chunk.size() + kAround;
  if (paused_ && held_ <= kHeld / 2 && engine_ != nullptr) {
    paused_ = !engine_->request_more(id_);
    last_ = Clock::now();
  }
  return chunk;
}

const Response& Intake::result() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return result_.has_value(); });
  return *result_;
}

}  // namespace dojo::detail
