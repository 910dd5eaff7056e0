#include "batch.hpp"

#include <optional>

namespace dojo::detail {

Batch::Batch(Engine& engine, std::size_t concurrency, DeliverNth deliver)
    : engine_(engine), concurrency_(concurrency), deliver_(std::move(deliver)) {}

void Batch::add(std::size_t index, Submission submission) {
  submission.deliver = [self = shared_from_this(), index](StdResponse<RawJson>&& response) {
    self->delivered(index, std::move(response));
  };
  {
    const std::lock_guard lock(mutex_);
    if (concurrency_ != 0 && under_way_ >= concurrency_) {
      waiting_.push_back(std::move(submission));
      return;
    }
    ++under_way_;
  }
  engine_.submit(std::move(submission));
}

void Batch::delivered(std::size_t index, StdResponse<RawJson>&& response) {
  std::optional<Submission> next;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      --under_way_;
    } else {
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
  }
  if (next) engine_.submit(std::move(*next));
  deliver_(index, std::move(response));
}

}  // namespace dojo::detail
