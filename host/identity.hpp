// The hotkey that a host answers to.
#pragma once

#include <optional>
#include <utility>

#include <dojo/result.hpp>
#include <dojo/wire/keypair.hpp>
#include <dojo/wire/ss58.hpp>

#include "base/log.hpp"
#include "config/config.hpp"

namespace dojo::host {

struct Identity {
  // NOLINTNEXTLINE(*-explicit-*): who has a pair has the key
  Identity(wire::Keypair pair) : key(pair.public_key()), keypair(std::move(pair)) {}
  explicit Identity(const wire::PublicKey& hotkey) : key(hotkey) {}

  wire::PublicKey key{};
  std::optional<wire::Keypair> keypair;  ///< nothing: it signs nothing, so there are no sessions
  bool fresh = false;                    ///< made just now: nothing was ever signed for it
};

/// The configured wallet or hotkey; without one, the identity kept in the state folder, made on
/// first use. Makes the state folder, mode 0700, and does nothing in one that others can get at.
/// What is unwise about the files is logged. @return an error that names the file.
Result<Identity> load_identity(const Config& config, const base::Log& log);

}  // namespace dojo::host
