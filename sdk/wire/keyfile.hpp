// What stands in a keyfile once it is decrypted.
#pragma once

#include <string>
#include <vector>

#include <dojo/result.hpp>
#include <dojo/wire/keypair.hpp>
#include <dojo/wire/secret_text.hpp>

namespace dojo::wire {

struct Keyfile {
  Keypair keypair;
  std::vector<std::string> oddities;  ///< for a person: what does not fit the key, and is not used
};

/// Reads a keyfile as bittensor 11.3 does (bittensor-core 0.1.5, src/keyfile.rs):
/// a JSON object, of which secretPhrase counts before secretSeed, and that before privateKey; or,
/// as its first versions wrote it, a seed's or sr25519 private key's hex digits, or a mnemonic. The
/// scheme is cryptoType's (0 ed25519, 1 sr25519, which it is without one), or the other if only
/// that makes the key of ss58Address.
/// @param text is overwritten: JSON is read in place, so that no copies are made
/// @return an error without the secret's words
Result<Keyfile> parse_keyfile(SecretText& text);

}  // namespace dojo::wire
