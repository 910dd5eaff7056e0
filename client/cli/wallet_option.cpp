#include "wallet_option.hpp"

#include <utility>

#include <dojo/wire/password.hpp>
#include <dojo/wire/wallet.hpp>

#include "input.hpp"

namespace dojo::cli {

CLI::Option* WalletOption::add_to(CLI::App& command, const std::string& description) {
  auto* option = command.add_option("--wallet", file, description)->envname("DOJO_WALLET");
  add_password_to(command);
  return option;
}

void WalletOption::add_password_to(CLI::App& command) {
  command
      .add_option(
          "--password-file", password_file,
          "Holds an encrypted hotkey file's password; without one it is DOJO_WALLET_PASSWORD's, "
          "BT_WALLET_PASSWORD's, or asked for on a terminal")
      ->envname("DOJO_WALLET_PASSWORD_FILE");
}

Result<wire::Keypair> WalletOption::load() const {
  auto wallet = wire::load_wallet(file, wire::password_from(password_file));
  if (!wallet) return Unexpected(std::move(wallet.error()));
  for (const auto& warning : wallet->warnings) complain(warning);
  return std::move(wallet->keypair);
}

}  // namespace dojo::cli
