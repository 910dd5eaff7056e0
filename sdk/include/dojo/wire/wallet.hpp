// Bittensor hotkey files: ~/.bittensor/wallets/<name>/hotkeys/<hotkey>.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/result.hpp>
#include <dojo/wire/keypair.hpp>
#include <dojo/wire/secret_text.hpp>

namespace dojo::wire {

struct Wallet {
  Keypair keypair;
  std::vector<std::string>
      warnings;  ///< for a person: what is unwise about the file, such as a mode wider than 0600
};

/// Gives the password of an encrypted keyfile, whose whole path it is told, or an error that says
/// where one could have been given. password.hpp has the one that `dojo` and dojo-host use.
using PasswordSource = std::function<Result<SecretText>(const std::filesystem::path& keyfile)>;

/// Reads a hotkey file in every form that bittensor 11.3 and bittensor-wallet 4.1 load, and makes
/// the same key of it: JSON with `secretPhrase`, `secretSeed` or `privateKey`, of sr25519 or
/// ed25519; a bare seed's hex digits; a bare mnemonic; encrypted as `$NACL`, `$ANSIBLE_VAULT` or
/// Fernet (0.1 to 5 s, and 512 MiB of memory for `$NACL`). Where the two disagree, bittensor is
/// followed: an `ss58Address` has to be the secret's, whatever prefix it has. What is read is
/// wiped. A leading `~/` is the home folder.
/// @param password is asked if the file is encrypted, and only then
/// @return the wallet; or an error that names the file and says what to do (missing, unreadable, of
/// no known form, without a password or with a wrong one, only a public key, address and secret
/// disagree)
Result<Wallet> load_wallet(const std::filesystem::path& file, const PasswordSource& password = {});

/// Makes a new sr25519 key with a mnemonic, and writes its hotkey file, mode 0600, in the shape
/// bittensor-wallet reads (accountId, publicKey, privateKey absent, secretPhrase, secretSeed,
/// ss58Address). Missing folders are made, mode 0700.
/// @param mnemonic empty: a fresh one. The caller wipes its own. @return the wallet; an error if
/// the file exists: keys are never overwritten.
Result<Wallet> create_wallet(const std::filesystem::path& file, std::string_view mnemonic = {});

}  // namespace dojo::wire
