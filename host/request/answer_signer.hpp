// The host's signature under its answers, twresp/1: docs/wire.md, Signed answers.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <dojo/wire/keypair.hpp>

#include "net/exchange.hpp"
#include "request/exchange.hpp"
#include "request/executor.hpp"

namespace dojo::request {

/// Any thread.
class AnswerSigner {
 public:
  /// @param identity the host's hotkey; nothing: no route has its answers signed
  /// @param pool must outlive all exchanges that are to be signed
  AnswerSigner(std::optional<wire::Keypair> identity, Executor& pool);

  /// Signs an answer, as it is sent. @param exchange in btauth/1, and proven
  void sign(const Exchange& exchange, net::Response& answer) const;
  /// Says in the head of a stream who answers.
  void introduce(net::Response& head) const;
  /// The signature under a stream; nothing if there is no identity. @param digest of it
  [[nodiscard]] std::optional<std::string> sign_stream(const Exchange& exchange,
                                                       std::string_view digest) const;
  /// Answers once a thread of the pool has signed. Where the pool has no room for it the answer
  /// goes without: it is a refusal, or has no body.
  void sign_in_pool(Exchange& exchange, net::Responder responder, net::Response answer) const;
  /// Answers that were signed.
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  const std::optional<wire::Keypair> identity_;
  const std::string address_;
  Executor& pool_;
  mutable std::atomic<std::uint64_t> count_{0};
};

/// Answers, signed if that is to be. Not for a reactor: a signature takes longer than all else of a
/// small answer.
void send(const Exchange& exchange, net::Responder responder, net::Response answer);
/// The same, for whoever may be on a reactor.
void send_by_pool(Exchange& exchange, net::Responder responder, net::Response answer);

}  // namespace dojo::request
