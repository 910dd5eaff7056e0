#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>

#include <dojo/wire/keypair.hpp>
#include <dojo/wire/wallet.hpp>

#include "command.hpp"
#include "input.hpp"

namespace dojo::cli {
namespace {

struct Keygen {
  std::string file = "~/.bittensor/wallets/default/hotkeys/default";
  std::string mnemonic;
  bool show_mnemonic = false;

  int run();
  Result<std::string> phrase() const;
};

Result<std::string> Keygen::phrase() const {
  if (mnemonic.empty()) return wire::generate_mnemonic();
  auto text = read_file("-");
  while (text && !text->empty() && (text->back() == '\n' || text->back() == '\r')) {
    text->pop_back();
  }
  if (text && text->empty()) return fail("--mnemonic -: there is no phrase on stdin");
  return text;
}

int Keygen::run() {
  if (!mnemonic.empty() && mnemonic != "-") {
    complain("--mnemonic takes only -: a phrase on the command line is seen by every process here");
    wire::wipe(mnemonic);
    return kUsage;
  }
  auto words = phrase();
  if (!words) {
    complain(words.error().message);
    return kUsage;
  }
  const auto wallet = wire::create_wallet(file, *words);
  if (!wallet) {
    wire::wipe(*words);
    complain(wallet.error().message);
    return kUsage;
  }
  std::puts(wallet->keypair.address().c_str());
  if (show_mnemonic) std::puts(words->c_str());
  wire::wipe(*words);
  for (const auto& warning : wallet->warnings) complain(warning);
  return kAnswered;
}

}  // namespace

void add_keygen(CLI::App& app, int& exit_code) {
  auto keygen = std::make_shared<Keygen>();
  auto* command = app.add_subcommand("keygen", "Make a hotkey file and print its address");
  command->add_option("FILE", keygen->file, "Where; an existing file is never overwritten")
      ->capture_default_str();
  command->add_option("--mnemonic", keygen->mnemonic, "`-`: read the phrase from stdin");
  command->add_flag("--show-mnemonic", keygen->show_mnemonic,
                    "Print the phrase, to be written down");
  command->footer("");
  command->callback([keygen, &exit_code] { exit_code = keygen->run(); });
}

}  // namespace dojo::cli
