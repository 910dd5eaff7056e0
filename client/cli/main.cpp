// dojo: keys, signatures and requests from the shell.
#include <exception>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "input.hpp"
#include "process/inherited.hpp"
#include "text/output.hpp"

namespace {

constexpr const char* kFooter = R"(Examples:
  dojo keygen my.key                                         a new hotkey; prints its address
  dojo send 127.0.0.1:8091 Echo '{"message":"hi"}' --wallet my.key --dialect legacy
                                                             to a dojo-host on this machine
  dojo send 203.0.113.7:8888 Echo @body.json --wallet my.key --to HOTKEY
                                                             to a miner, signed for its hotkey alone
  dojo call GET 203.0.113.7:8888/v1/models --wallet my.key --to HOTKEY --dialect btauth/1
                                                             any method, path and body
  dojo batch miners.txt Echo @body.json --concurrency 64     the same body to every url in a file
  dojo sign --wallet my.key 'a message'                      prints 0x and 128 hex digits
  dojo new-plugin my-scorer                                  a plugin to begin with

Exit codes:
  0    answered (batch: by all); verify, verify-proof: the signature is right, or both are
  1    refused, or an error in the answer; verify, verify-proof: it is wrong, or one is
  2    wrong usage or bad input
  3    could not be reached: no connection, or no answer in time
  4    the output could not be written
  130  cancelled by Ctrl-C

`dojo COMMAND --help` tells more.)";

int run(int argc, char** argv) {
  int exit_code = dojo::cli::kAnswered;
  CLI::App app{"Send signed models to Dojo miners, handle the keys that sign them, begin a plugin.",
               "dojo"};
  app.set_version_flag("--version", "dojo " DOJO_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);
  dojo::cli::add_send(app, exit_code);
  dojo::cli::add_call(app, exit_code);
  dojo::cli::add_batch(app, exit_code);
  dojo::cli::add_keygen(app, exit_code);
  dojo::cli::add_address(app, exit_code);
  dojo::cli::add_sign(app, exit_code);
  dojo::cli::add_verify(app, exit_code);
  dojo::cli::add_verify_proof(app, exit_code);
  dojo::cli::add_new_plugin(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? dojo::cli::kAnswered : dojo::cli::kUsage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  dojo::process::undo_inheritance();
  int exit_code = dojo::cli::kUsage;
  try {
    exit_code = run(argc, argv);
  } catch (const std::exception& error) {
    dojo::cli::complain(error.what());
  }
  return dojo::text::finish_output("dojo", exit_code, dojo::cli::kOutputLost);
}
