#include <cstdio>
#include <memory>
#include <string>

#include <dojo/wire/signature.hpp>

#include "command.hpp"
#include "input.hpp"
#include "wallet_option.hpp"

namespace dojo::cli {
namespace {

struct Sign {
  WalletOption wallet;
  std::string message;

  int run() const {
    const auto key = wallet.load();
    if (!key) {
      complain(key.error().message);
      return kUsage;
    }
    const auto text = read_text(message);
    if (!text) {
      complain(text.error().message);
      return kUsage;
    }
    std::puts(wire::format_signature(key->sign(*text)).c_str());
    return kAnswered;
  }
};

}  // namespace

void add_sign(CLI::App& app, int& exit_code) {
  auto sign = std::make_shared<Sign>();
  auto* command = app.add_subcommand("sign", "Sign a message with a hotkey");
  sign->wallet.add_to(*command, "Hotkey file")->required();
  command
      ->add_option("MESSAGE", sign->message,
                   "The text; `-`: all bytes of stdin, a newline at the end included")
      ->required();
  command->footer("");
  command->callback([sign, &exit_code] { exit_code = sign->run(); });
}

}  // namespace dojo::cli
