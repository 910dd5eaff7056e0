#include "net/mailbox.hpp"

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

Mailbox::~Mailbox() {
  close();
}

void Mailbox::post(ExchangePtr exchange) noexcept {
  auto& response = exchange->response_;
  exchange->response_charge_ = {shared_->budgets.response_bytes, exchange->account};
  const auto* const stream = exchange->stream();
  if (!exchange->response_charge_.resize(stream != nullptr ? Stream::kCharge
                                                           : response.body.size())) {
    exchange->over_budget_ = true;
    response = Response{};
  }
  if (mailbox_of_this_thread == this) {
    exchange->inline_ = true;
    inline_.push_back(*exchange.detach());
    return;
  }
  push(std::move(exchange));
}

void Mailbox::ring(ExchangePtr exchange) noexcept {
  push(std::move(exchange));
}

void Mailbox::push(ExchangePtr exchange) noexcept {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      first = posted_.empty();
      posted_.push_back(*exchange.detach());
    }
  }
  if (first) wake();
  if (exchange) refuse(*exchange);
}

void Mailbox::wake() const {
  const std::uint64_t one = 1;
  // Fails only if the count is at its limit, and then the reactor is awake anyway.
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void Mailbox::collect() {
  // In this order: an answer posted after the splice finds the queue empty and rings again.
  std::uint64_t rings = 0;
  [[maybe_unused]] const auto read = ::read(event_.get(), &rings, sizeof rings);
  const std::lock_guard lock(mutex_);
  collected_.splice(collected_.end(), posted_);
}

ExchangePtr Mailbox::take() {
  return pop(collected_);
}

ExchangePtr Mailbox::take_inline() {
  return pop(inline_);
}

bool Mailbox::take_inline(Exchange& exchange) {
  if (!exchange.inline_) return false;
  inline_.erase(List::s_iterator_to(exchange));
  const ExchangePtr listed(&exchange, false);
  unlist(exchange);
  return true;
}

ExchangePtr Mailbox::pop(List& list) {
  if (list.empty()) return nullptr;
  ExchangePtr first(&list.front(), false);
  list.pop_front();
  unlist(*first);
  return first;
}

/// It may be put into a list again.
void Mailbox::unlist(Exchange& exchange) {
  exchange.inline_ = false;
  if (auto* const stream = exchange.stream()) stream->heard();
}

void Mailbox::drop(List& list) {
  while (const auto exchange = pop(list)) refuse(*exchange);
}

/// Its answer goes to nobody.
void Mailbox::refuse(Exchange& exchange) const noexcept {
  auto* const stream = exchange.stream();
  if (stream == nullptr || stream->abandon()) ++shared_->counters.answers_dropped;
}

void Mailbox::close() {
  drop(inline_);
  drop(collected_);
  List left;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    left.swap(posted_);
  }
  drop(left);
}

}  // namespace dojo::net
