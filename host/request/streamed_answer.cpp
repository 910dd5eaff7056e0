#include "request/streamed_answer.hpp"

#include <exception>
#include <string>
#include <utility>

#include "request/answer.hpp"
#include "request/answer_signer.hpp"
#include "request/exchange.hpp"

namespace dojo::request {

StreamedAnswer::Wrote StreamedAnswer::write(std::string_view chunk) {
  const std::lock_guard lock(mutex_);
  if (ended_) return Wrote::gone;
  if (chunk.size() > most_ - bytes_) return Wrote::too_long;
  auto* const stream = open();
  if (stream == nullptr) return Wrote::gone;
  switch (stream->write(wire::format_event(wire::kChunkEvent, chunk))) {
    case net::Stream::Wrote::full:
      return Wrote::full;
    case net::Stream::Wrote::gone:
      return Wrote::gone;
    case net::Stream::Wrote::yes:
      break;
  }
  digest_.add(chunk);
  bytes_ += chunk.size();
  return Wrote::yes;
}

void StreamedAnswer::want_room() {
  const std::lock_guard lock(mutex_);
  if (auto* const stream = exchange_.stream()) stream->want_room();
}

void StreamedAnswer::begin() {
  const std::lock_guard lock(mutex_);
  open();
}

/// @throws std::bad_alloc; then the responder has answered 500
net::Stream* StreamedAnswer::open() {
  if (begun_) return exchange_.stream();
  auto responder = exchange_.take_responder();
  if (!responder) return nullptr;
  begun_ = true;
  auto head = make_stream_head(exchange_.terms);
  head.headers.add("x-dojo-generation", std::to_string(exchange_.route.generation().number()));
  if (exchange_.signer != nullptr) exchange_.signer->introduce(head);
  auto& stream = exchange_.begin_stream();
  responder.send(std::move(head));
  return &stream;
}

bool StreamedAnswer::end(bool whole) noexcept {
  const std::lock_guard lock(mutex_);
  if (!begun_ || std::exchange(ended_, true)) return false;
  auto* const stream = exchange_.stream();
  if (stream == nullptr) return true;  // there was no memory for it
  try {
    whole ? stream->end(true, end_event()) : stream->end(false);
  } catch (const std::exception&) {  // for want of memory
    stream->end(false);
  }
  return true;
}

std::string StreamedAnswer::end_event() const {
  wire::StreamEnd end{digest_.hex(), digest_.count(), std::nullopt};
  if (exchange_.signer != nullptr)
    end.signature = exchange_.signer->sign_stream(exchange_, end.digest);
  return wire::format_event(wire::kEndEvent, wire::format_stream_end(end));
}

}  // namespace dojo::request
