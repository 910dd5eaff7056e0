#include <cstdio>
#include <memory>
#include <string>

#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

#include "command.hpp"
#include "input.hpp"

namespace dojo::cli {
namespace {

struct Verify {
  std::string hotkey;
  std::string message;
  std::string signature;

  int run() const {
    const auto address = wire::decode_ss58(hotkey);
    if (!address) return malformed("HOTKEY: " + address.error().message);
    const auto bytes = wire::parse_signature(signature);
    if (!bytes) return malformed("SIGNATURE: " + bytes.error().message);
    const auto text = read_text(message);
    if (!text) return malformed(text.error().message);
    const bool right = wire::verify_maybe_wrapped(address->key, *text, *bytes);
    std::puts(right ? "right" : "wrong");
    return right ? kAnswered : kRefused;
  }

  static int malformed(const std::string& why) {
    complain(why);
    return kUsage;
  }
};

}  // namespace

void add_verify(CLI::App& app, int& exit_code) {
  auto verify = std::make_shared<Verify>();
  auto* command = app.add_subcommand(
      "verify", "Check a signature: exit code 0 if it is right, 1 if wrong, 2 if malformed");
  command->add_option("HOTKEY", verify->hotkey, "SS58 address of the signer")->required();
  command
      ->add_option("MESSAGE", verify->message,
                   "The text (also as wallets wrap it, <Bytes>…</Bytes>); `-`: all bytes of stdin")
      ->required();
  command->add_option("SIGNATURE", verify->signature, "0x and 128 hex digits")->required();
  command->footer("");
  command->callback([verify, &exit_code] { exit_code = verify->run(); });
}

}  // namespace dojo::cli
