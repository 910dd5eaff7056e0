// The options that `send` and `batch` share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <dojo/client.hpp>
#include <dojo/result.hpp>
#include <dojo/wire/keypair.hpp>

#include "command.hpp"
#include "wallet_option.hpp"

namespace dojo::cli {

struct RequestOptions {
  WalletOption wallet;
  std::string dialect = "dojo/1";
  std::string to;
  std::string message;
  std::string request_id;
  std::vector<std::string> headers;
  double timeout_seconds = 10;
  int retries = 2;
  bool preflight = false;
  bool no_preflight = false;
  bool no_compress = false;
  bool insecure = false;
  bool sessions = false;

  void add_to(CLI::App& command);

  /// The wallet's key; without a wallet a fresh one, with a note on stderr.
  [[nodiscard]] Result<wire::Keypair> key() const;
  [[nodiscard]] ClientOptions client_options() const;
  [[nodiscard]] Result<SendOptions> send_options() const;
};

/// The exit code that an answer stands for.
ExitCode exit_code_of(const StdResponse<RawJson>& response);
/// The same of what went wrong, if anything. @param status HTTP's
ExitCode exit_code_of(const std::optional<SendError>& failure, int status);

/// For a request that was refused since it names no receiver; nothing for any other. @param code
/// the answer's @param named whether it names one
std::optional<std::string> hint_about(std::optional<Code> code, bool named);

}  // namespace dojo::cli
