#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include <dojo/wire/ss58.hpp>
#include <dojo/wire/wallet.hpp>

#include "command.hpp"
#include "input.hpp"

namespace dojo::cli {
namespace {

struct Address {
  std::string file;
  std::uint16_t prefix = wire::kBittensorPrefix;

  int run() const {
    const auto wallet = wire::load_wallet(file);
    if (!wallet) {
      complain(wallet.error().message);
      return kUsage;
    }
    for (const auto& warning : wallet->warnings) complain(warning);
    std::puts(wallet->keypair.address(prefix).c_str());
    return kAnswered;
  }
};

}  // namespace

void add_address(CLI::App& app, int& exit_code) {
  auto address = std::make_shared<Address>();
  auto* command = app.add_subcommand("address", "Print the SS58 address of a hotkey file");
  command->add_option("FILE", address->file, "Hotkey file")->required();
  command->add_option("--prefix", address->prefix, "Network prefix")
      ->check(CLI::Range(0, 16383))
      ->capture_default_str();
  command->footer("");
  command->callback([address, &exit_code] { exit_code = address->run(); });
}

}  // namespace dojo::cli
