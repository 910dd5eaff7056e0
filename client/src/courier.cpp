#include "courier.hpp"

#include <utility>

#include <pthread.h>

#include <dojo/wire/signed_answer.hpp>

#include "answer.hpp"
#include "intake.hpp"

namespace dojo::detail {

Courier::Courier(const ClientOptions& options, std::function<void()> has_room)
    : options_(options), has_room_(std::move(has_room)), thread_([this] { run(); }) {}

Courier::~Courier() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Courier::take(Calls& from, Calls::iterator call) noexcept {
  {
    const std::lock_guard lock(mutex_);
    waiting_.splice(waiting_.end(), from, call);
    ++count_;
  }
  changed_.notify_one();
}

bool Courier::is_full() const noexcept {
  const std::lock_guard lock(mutex_);
  return count_ >= options_.max_connections;
}

void Courier::run() noexcept {
  pthread_setname_np(pthread_self(), "client-answers");
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Calls one;
    one.splice(one.end(), waiting_, waiting_.begin());
    lock.unlock();
    hand_over(one.front());
    one.clear();  // what the caller's function holds goes without the lock
    lock.lock();
    if (count_-- != options_.max_connections) continue;
    lock.unlock();
    has_room_();
    lock.lock();
  }
}

void Courier::hand_over(Call& call) noexcept {
  Response response;
  try {
    response = response_to(call);
  } catch (...) {
    response.exception = internal_error();
  }
  response.timings.overall = since(call.submitted);
  try {
    call.request.deliver(std::move(response));
    // NOLINTNEXTLINE(bugprone-empty-catch): of a model whose move throws; its future is broken
  } catch (...) {
  }
}

Response Courier::response_to(Call& call) const {
  if (const auto& intake = call.request.intake) {
    auto& http = call.http;
    http.stream = intake->outcome(http.raw_body);
    // Behind its chunks comes what an answer of known length has before them.
    if (http.stream && http.stream->signature)
      http.headers.push_back({std::string(wire::kAnswerSignatureHeader), *http.stream->signature});
  }
  if (call.failure) return failed(std::move(*call.failure), std::move(call.http));
  return read_answer(std::move(call.http), call.request.options, options_, call.in_preflight);
}

}  // namespace dojo::detail
