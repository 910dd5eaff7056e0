// What a miner does with btauth/1: looks at the signature, and signs its answer.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <dojo/wire/btauth.hpp>
#include <dojo/wire/signed_answer.hpp>

#include "models.hpp"

namespace dojo::testing {

inline ClientOptions btauth() {
  ClientOptions options;
  options.dialect = wire::Dialect::btauth1;
  return options;
}

/// Whether a verifier would take a request for what it is.
inline bool signed_in_btauth(const Seen& seen) {
  const auto given = [&](std::string_view name) {
    return seen.has(name) ? std::optional(seen.header(name)) : std::nullopt;
  };
  const auto version = seen.header("x-bittensor-version");
  const auto hotkey = seen.header("x-bittensor-hotkey");
  const auto nonce = seen.header("x-bittensor-nonce");
  const auto receiver = given("x-bittensor-receiver");
  const auto crypto = given("x-bittensor-crypto");
  const auto statement = wire::parse_btauth(seen.method, seen.path,
                                            {.version = version,
                                             .hotkey = hotkey,
                                             .nonce = nonce,
                                             .receiver = receiver,
                                             .crypto = crypto});
  const auto signature = wire::parse_btauth_signature(seen.header("x-bittensor-signature"));
  if (!statement || !signature) return false;
  return wire::verify(statement->key, statement->scheme,
                      wire::format_btauth(*statement, wire::sha256_of_body(seen.body)), *signature);
}

/// An answer with its signature. @param reply without
inline Reply sign_reply(const Seen& seen, const wire::Keypair& miner, Reply reply) {
  const auto nonce = seen.header("x-bittensor-nonce");
  const auto sender = seen.header("x-bittensor-hotkey");
  for (auto& [name, value] : wire::sign_answer(
           {.nonce = nonce, .sender = sender, .status = reply.status, .body = reply.body}, miner,
           miner.address())) {
    reply.headers.emplace_back(name, std::move(value));
  }
  return reply;
}

}  // namespace dojo::testing
