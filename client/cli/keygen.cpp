#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include <unistd.h>

#include <dojo/wire/keypair.hpp>
#include <dojo/wire/secret_text.hpp>
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
  Result<wire::SecretText> phrase() const;
};

Result<wire::SecretText> Keygen::phrase() const {
  constexpr std::size_t kLongest = 4096;  // bytes; 24 words have about 200
  if (mnemonic.empty()) {
    auto fresh = wire::generate_mnemonic();
    auto text = wire::SecretText::copy_of(fresh);
    wire::wipe(fresh);
    return text;
  }
  auto text = wire::read_secret(STDIN_FILENO, kLongest);
  if (!text) return fail("--mnemonic -: stdin " + text.error().message);
  text->trim();
  if (text->empty()) return fail("--mnemonic -: there is no phrase on stdin");
  return text;
}

/// Past the buffers of stdio, which nobody wipes.
bool print_secret(const wire::SecretText& text) {
  auto rest = text.view();
  while (std::fflush(stdout) == 0 && !rest.empty()) {
    const auto count = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
  }
  return rest.empty() && std::putchar('\n') != EOF;
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
  const auto wallet = wire::create_wallet(file, words->view());
  if (!wallet) {
    complain(wallet.error().message);
    return kUsage;
  }
  std::puts(wallet->keypair.address().c_str());
  if (show_mnemonic && !print_secret(*words)) {
    complain("the phrase could not be printed; it stands in the file too, as secretPhrase");
    return kOutputLost;
  }
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
