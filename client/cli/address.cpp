#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include <dojo/wire/ss58.hpp>

#include "command.hpp"
#include "input.hpp"
#include "wallet_option.hpp"

namespace dojo::cli {
namespace {

struct Address {
  WalletOption wallet;
  std::uint16_t prefix = wire::kBittensorPrefix;

  int run() const {
    const auto key = wallet.load();
    if (!key) {
      complain(key.error().message);
      return kUsage;
    }
    std::puts(key->address(prefix).c_str());
    return kAnswered;
  }
};

}  // namespace

void add_address(CLI::App& app, int& exit_code) {
  auto address = std::make_shared<Address>();
  auto* command = app.add_subcommand("address", "Print the SS58 address of a hotkey file");
  command->add_option("FILE", address->wallet.file, "Hotkey file")->required();
  address->wallet.add_password_to(*command);
  command->add_option("--prefix", address->prefix, "Network prefix")
      ->check(CLI::Range(0, 16383))
      ->capture_default_str();
  command->footer("");
  command->callback([address, &exit_code] { exit_code = address->run(); });
}

}  // namespace dojo::cli
