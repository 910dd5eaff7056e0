#include "batch.hpp"

namespace dojo::detail {

Batch::Batch(Engine& engine, std::size_t concurrency, DeliverNth deliver)
    : engine_(engine), concurrency_(concurrency), deliver_(std::move(deliver)) {}

void Batch::add(std::size_t index, Calls call) {
  call.front().request.deliver = [self = shared_from_this(), index](Response&& response) {
    self->delivered(index, std::move(response));
  };
  {
    const std::lock_guard lock(mutex_);
    if (concurrency_ != 0 && under_way_ >= concurrency_) {
      waiting_.splice(waiting_.end(), call);
      return;
    }
    ++under_way_;
  }
  engine_.submit(std::move(call));
}

void Batch::delivered(std::size_t index, Response&& response) {
  Calls next;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      --under_way_;
    } else {
      next.splice(next.end(), waiting_, waiting_.begin());
    }
  }
  if (!next.empty()) engine_.submit(std::move(next));
  deliver_(index, std::move(response));
}

}  // namespace dojo::detail
