#include "request/answer_signer.hpp"

#include <chrono>
#include <memory>
#include <string_view>
#include <utility>

#include <dojo/wire/signed_answer.hpp>

#include "base/threads.hpp"
#include "net/response_head.hpp"

namespace dojo::request {

AnswerSigner::AnswerSigner(std::optional<wire::Keypair> identity, Executor& pool)
    : identity_(std::move(identity)),
      address_(identity_ ? identity_->address() : ""),
      pool_(pool) {}

void AnswerSigner::sign(const Exchange& exchange, net::Response& answer) const {
  if (!identity_ || !net::is_sendable(answer)) return;  // a 500 goes in the place of the latter
  const auto& asked = *exchange.claim.btauth;
  const bool has_body = !exchange.head.is_head() && net::may_have_body(answer.status);
  const auto nonce = std::to_string(asked.nonce);
  const wire::AnswerStatement statement{
      .nonce = nonce,
      .sender = asked.sender,
      .status = answer.status,
      .body = has_body ? std::string_view(answer.body) : std::string_view()};
  for (const auto& [name, value] : wire::sign_answer(statement, *identity_, address_))
    answer.headers.add(name, value);
  ++count_;
}

void AnswerSigner::introduce(net::Response& head) const {
  if (!identity_) return;
  for (const auto& [name, value] : wire::introduce_answer(*identity_, address_))
    head.headers.add(name, value);
}

std::optional<std::string> AnswerSigner::sign_stream(const Exchange& exchange,
                                                     std::string_view digest) const {
  if (!identity_) return std::nullopt;
  const auto& asked = *exchange.claim.btauth;
  const auto nonce = std::to_string(asked.nonce);
  const wire::AnswerStatement statement{
      .nonce = nonce, .sender = asked.sender, .status = 200, .body = {}, .digest = digest};
  ++count_;
  return wire::format_signature(
      identity_->sign(wire::format_answer(statement, identity_->scheme(), address_)));
}

void AnswerSigner::sign_in_pool(Exchange& exchange, net::Responder responder,
                                net::Response answer) const {
  struct Signing {
    const AnswerSigner& signer;
    ExchangePtr exchange;
    net::Responder responder;
    net::Response answer;
  };
  auto signing = std::make_unique<Signing>(
      Signing{*this, ExchangePtr(&exchange), std::move(responder), std::move(answer)});
  Task task;
  task.arrived = std::chrono::steady_clock::now();
  task.job.data = signing.get();
  task.job.run = [](void* data, std::int32_t) {
    const std::unique_ptr<Signing> own(static_cast<Signing*>(data));
    // For want of memory it goes as it is.
    threads::guard([&] { own->signer.sign(*own->exchange, own->answer); }, [](std::string_view) {});
    own->responder.send(std::move(own->answer));
  };
  if (!pool_.push(std::move(task))) return signing->responder.send(std::move(signing->answer));
  [[maybe_unused]] const auto* const handed_on = signing.release();
}

void send(const Exchange& exchange, net::Responder responder, net::Response answer) {
  if (exchange.signer != nullptr) exchange.signer->sign(exchange, answer);
  responder.send(std::move(answer));
}

void send_by_pool(Exchange& exchange, net::Responder responder, net::Response answer) {
  if (exchange.signer == nullptr) return responder.send(std::move(answer));
  exchange.signer->sign_in_pool(exchange, std::move(responder), std::move(answer));
}

}  // namespace dojo::request
