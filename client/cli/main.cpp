// dojo: keys, signatures and requests from the shell.
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "command.hpp"

namespace {

constexpr const char* kFooter = R"(Examples:
  dojo keygen miner.key                                      a new hotkey; prints its address
  dojo send 203.0.113.7:8888 Echo '{"text":"hi"}' --wallet miner.key --to 5F...
  dojo batch miners.txt Echo @body.json --concurrency 64     the same body to every url in a file
  dojo sign --wallet miner.key 'a message'                   prints 0x and 128 hex digits
  dojo new-plugin my-scorer                                  a plugin to begin with

Exit codes:
  0    answered (send, batch: by all); verify: the signature is right
  1    refused, or an error in the answer; verify: the signature is wrong
  2    wrong usage or bad input
  3    could not be reached: no connection, or no answer in time
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
  dojo::cli::add_batch(app, exit_code);
  dojo::cli::add_keygen(app, exit_code);
  dojo::cli::add_address(app, exit_code);
  dojo::cli::add_sign(app, exit_code);
  dojo::cli::add_verify(app, exit_code);
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
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fputs(fmt::format("dojo: {}\n", error.what()).c_str(), stderr);
    return dojo::cli::kUsage;
  }
}
