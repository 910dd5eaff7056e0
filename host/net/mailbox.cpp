#include "net/mailbox.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace dojo::net {
namespace {

// A reactor's thread serves one mailbox for as long as it lives.
thread_local const Mailbox* mailbox_of_this_thread = nullptr;

}  // namespace

void Mailbox::bind_to_this_thread() {
  mailbox_of_this_thread = this;
}

Mailbox::Mailbox(std::shared_ptr<Shared> shared)
    : shared_(std::move(shared)), event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!event_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Mailbox::post(std::list<Answer> one) noexcept {
  auto& answer = one.front();
  answer.charge = Charge(shared_->counters.response_bytes);
  if (!answer.charge.resize(answer.response.body.size(), shared_->limits.max_response_bytes)) {
    answer.over_budget = true;
    answer.charge.release();
    answer.response = Response{};
  }
  if (mailbox_of_this_thread == this) {
    inline_.splice(inline_.end(), one);
    return;
  }
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      ++shared_->counters.answers_dropped;
      return;
    }
    first = posted_.empty();
    posted_.splice(posted_.end(), one);
  }
  if (first) wake();
}

void Mailbox::wake() const {
  const std::uint64_t one = 1;
  // Fails only if the count is at its limit, and then the reactor is awake anyway.
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void Mailbox::take(std::list<Answer>& batch) {
  // In this order: an answer posted after the swap finds the queue empty and rings again.
  std::uint64_t rings = 0;
  [[maybe_unused]] const auto read = ::read(event_.get(), &rings, sizeof rings);
  const std::lock_guard lock(mutex_);
  batch.swap(posted_);
}

std::optional<Answer> Mailbox::take_inline(const Ticket& ticket) {
  const auto found = std::find_if(inline_.begin(), inline_.end(),
                                  [&](const Answer& answer) { return answer.ticket == ticket; });
  if (found == inline_.end()) return std::nullopt;
  std::optional<Answer> answer = std::move(*found);
  inline_.erase(found);
  return answer;
}

void Mailbox::close() {
  shared_->counters.answers_dropped += inline_.size();
  inline_.clear();
  std::list<Answer> left;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  left.swap(posted_);
  shared_->counters.answers_dropped += left.size();
}

Responder::Responder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    const Responder unanswered(std::move(*this));
    exchange_ = std::move(other.exchange_);
  }
  return *this;
}

Responder::~Responder() {
  if (!exchange_ || exchange_->answered.load(std::memory_order_relaxed)) return;
  Response response;
  response.status = 500;
  send(std::move(response));
}

void Responder::send(Response response) noexcept {
  if (!exchange_ || exchange_->answered.exchange(true)) return;
  exchange_->request_bytes.release();
  auto& answer = exchange_->answer.front();
  answer.ticket = exchange_->ticket;
  answer.response = std::move(response);
  exchange_->mailbox->post(std::move(exchange_->answer));
}

bool Responder::abandoned() const {
  return exchange_ && exchange_->abandoned.load(std::memory_order_relaxed);
}

}  // namespace dojo::net
