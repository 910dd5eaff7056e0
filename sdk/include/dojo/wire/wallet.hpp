// Bittensor hotkey files: ~/.bittensor/wallets/<name>/hotkeys/<hotkey>.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <dojo/result.hpp>
#include <dojo/wire/keypair.hpp>

namespace dojo::wire {

struct Wallet {
  Keypair keypair;
  std::vector<std::string>
      warnings;  ///< for a person: what is unwise about the file, such as a mode wider than 0600
};

/// Reads a hotkey file: JSON with `secretSeed` (0x + 64 hex) or `secretPhrase`, and perhaps
/// `ss58Address`, which then has to agree with the key. A leading `~/` is the home folder.
/// @return the wallet; or an error that names the file and says what to do (missing, unreadable,
/// not JSON, encrypted:
/// `$NACL`, `$ANSIBLE_VAULT` and Fernet forms are named, only a public key, address and secret
/// disagree).
Result<Wallet> load_wallet(const std::filesystem::path& file);

/// Makes a new sr25519 key with a mnemonic, and writes its hotkey file, mode 0600, in the shape
/// bittensor-wallet reads (accountId, publicKey, privateKey absent, secretPhrase, secretSeed,
/// ss58Address). Missing folders are made, mode 0700.
/// @param mnemonic empty: a fresh one. @return the wallet; an error if the file exists: keys are
/// never overwritten.
Result<Wallet> create_wallet(const std::filesystem::path& file, std::string mnemonic = {});

}  // namespace dojo::wire
