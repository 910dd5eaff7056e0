// What the client's tests send, and with which key.
#pragma once

#include <optional>
#include <string>

#include <dojo/client.hpp>
#include <dojo/model.hpp>
#include <dojo/wire/keypair.hpp>

#include "scripted_peer.hpp"

namespace dojo::testing {

struct Echo {
  std::string text;
};
DOJO_MODEL(Echo, text)

struct Count {
  int letters = 0;
};
DOJO_MODEL(Count, letters)

/// A key that stays the same through a run.
inline const wire::Keypair& key() {
  static const wire::Keypair kKey = wire::Keypair::generate();
  return kKey;
}

/// Waits that a test can sit through: 10, 20, 40 ms …
inline SendOptions quick() {
  SendOptions options;
  options.wait_exponential_factor = 0.01;
  options.timeout = 5s;
  return options;
}

inline std::optional<SendError::Kind> kind_of(const std::optional<SendError>& error) {
  if (!error) return std::nullopt;
  return error->kind;
}

}  // namespace dojo::testing
