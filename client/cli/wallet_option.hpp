// The hotkey that a command signs with, and the password that may be in front of it.
#pragma once

#include <string>

#include <dojo/result.hpp>
#include <dojo/wire/keypair.hpp>

#include "command.hpp"

namespace dojo::cli {

struct WalletOption {
  std::string file;
  std::string password_file;

  /// --wallet and --password-file. @param description of --wallet @return --wallet
  CLI::Option* add_to(CLI::App& command, const std::string& description);
  /// --password-file alone.
  void add_password_to(CLI::App& command);

  /// The file's key; an encrypted one's password is looked for where --password-file's help says.
  /// What is unwise about the file is said on stderr.
  [[nodiscard]] Result<wire::Keypair> load() const;
};

}  // namespace dojo::cli
