// The subcommands of `dojo`, one source file each.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace dojo::cli {

/// What scripts can rely on; `dojo --help` lists them.
enum ExitCode : int {
  kAnswered = 0,
  kRefused = 1,
  kUsage = 2,
  kUnreachable = 3,
  kOutputLost = 4,
  kCancelled = 130,
};

// Each adds its subcommand to `app`; when it was chosen, it runs while `app` parses and leaves its
// exit code. `app` and `exit_code` outlive the parse.
void add_keygen(CLI::App& app, int& exit_code);
void add_address(CLI::App& app, int& exit_code);
void add_sign(CLI::App& app, int& exit_code);
void add_verify(CLI::App& app, int& exit_code);
void add_verify_proof(CLI::App& app, int& exit_code);
void add_send(CLI::App& app, int& exit_code);
void add_call(CLI::App& app, int& exit_code);
void add_batch(CLI::App& app, int& exit_code);
void add_new_plugin(CLI::App& app, int& exit_code);

}  // namespace dojo::cli
