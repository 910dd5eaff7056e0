#include "net/stream.hpp"

#include <utility>

#include "net/exchange.hpp"

namespace dojo::net {

Stream::Wrote Stream::write(std::string_view piece) {
  {
    const std::lock_guard lock(mutex_);
    if (gone_ || ended_) return Wrote::gone;
    if (held_.size() >= kHeld) {
      wanting_ = true;
      return Wrote::full;
    }
    held_.append(piece);
    if (has_rung()) return Wrote::yes;
  }
  exchange_.ring();
  return Wrote::yes;
}

void Stream::want_room() {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_ && !held_.empty()) {
      wanting_ = true;
      return;
    }
  }
  exchange_.on_room();
}

void Stream::end(bool whole, std::string_view last) {
  {
    const std::lock_guard lock(mutex_);
    if (gone_ || ended_) return;
    held_.append(last);
    ended_ = true;
    whole_ = whole;
    if (has_rung()) return;
  }
  exchange_.ring();
}

Stream::Batch Stream::take() {
  Batch batch;
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    batch.bytes.swap(held_);
    batch.ended = ended_;
    batch.whole = whole_;
    wanted = std::exchange(wanting_, false);
  }
  if (wanted) exchange_.on_room();
  return batch;
}

void Stream::heard() {
  const std::lock_guard lock(mutex_);
  rung_ = false;
}

void Stream::ring() {
  {
    const std::lock_guard lock(mutex_);
    if (has_rung()) return;
  }
  exchange_.ring();
}

bool Stream::abandon() {
  std::string held;  // after the lock
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(gone_, true)) return false;
    held.swap(held_);
    wanted = std::exchange(wanting_, false);
  }
  if (wanted) exchange_.on_room();
  return true;
}

/// Of an exchange that is already on its way to the reactor there must be no second ring: it is in
/// one list.
bool Stream::has_rung() {
  return std::exchange(rung_, true);
}

}  // namespace dojo::net
