#include "net/exchange.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "net/grammar.hpp"
#include "text/words.hpp"

namespace dojo::net {
namespace {

constexpr std::size_t kUsualBytes = 240;

bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 4> kOurs{"connection", "content-length", "date",
                                                  "transfer-encoding"};
  return std::any_of(kOurs.begin(), kOurs.end(),
                     [&](std::string_view ours) { return text::same_word(name, ours); });
}

}  // namespace

void HeaderLines::add(std::string_view name, std::string_view value) {
  sound_ = sound_ && text::is_token(name) && is_text(value);
  if (!sound_ || is_ours(name)) return;
  if (text_.empty()) text_.reserve(kUsualBytes);
  text_.append(name).append(": ").append(value).append("\r\n");
}

Responder Exchange::take_responder() noexcept {
  if ((flags_.fetch_or(kAnswered) & kAnswered) != 0) return {};
  return Responder(ExchangePtr(this));
}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    const Responder unanswered(std::move(*this));
    exchange_ = std::move(other.exchange_);
  }
  return *this;
}

Responder::~Responder() {
  if (!exchange_) return;
  Response response;
  response.status = 500;
  send(std::move(response));
}

void Responder::send(Response response) noexcept {
  if (!exchange_) return;
  exchange_->response_ = std::move(response);
  const auto outlet = exchange_->outlet_;
  outlet->post(std::move(exchange_));
}

}  // namespace dojo::net
