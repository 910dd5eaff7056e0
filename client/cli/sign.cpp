#include <cstdio>
#include <memory>
#include <string>

#include <dojo/wire/signature.hpp>
#include <dojo/wire/wallet.hpp>

#include "command.hpp"
#include "input.hpp"

namespace dojo::cli {
namespace {

struct Sign {
  std::string wallet;
  std::string message;

  int run() const {
    const auto key = wire::load_wallet(wallet);
    if (!key) {
      complain(key.error().message);
      return kUsage;
    }
    for (const auto& warning : key->warnings) complain(warning);
    const auto text = read_text(message);
    if (!text) {
      complain(text.error().message);
      return kUsage;
    }
    std::puts(wire::format_signature(key->keypair.sign(*text)).c_str());
    return kAnswered;
  }
};

}  // namespace

void add_sign(CLI::App& app, int& exit_code) {
  auto sign = std::make_shared<Sign>();
  auto* command = app.add_subcommand("sign", "Sign a message with a hotkey");
  command->add_option("--wallet", sign->wallet, "Hotkey file")->envname("DOJO_WALLET")->required();
  command
      ->add_option("MESSAGE", sign->message,
                   "The text; `-`: all bytes of stdin, a newline at the end included")
      ->required();
  command->footer("");
  command->callback([sign, &exit_code] { exit_code = sign->run(); });
}

}  // namespace dojo::cli
