#include "request_options.hpp"

#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <dojo/wire/dialect.hpp>

#include "input.hpp"

namespace dojo::cli {
namespace {

Result<Header> parse_header(const std::string& line) {
  const auto colon = line.find(':');
  if (colon == std::string::npos)
    return fail(fmt::format("-H \"{}\": expected 'Name: value'", line));
  auto value = line.substr(colon + 1);
  value.erase(0, value.find_first_not_of(' '));
  return Header{line.substr(0, colon), value};
}

}  // namespace

void RequestOptions::add_to(CLI::App& command) {
  wallet.add_to(command, "Hotkey file that signs; without one a fresh key does");
  command.add_option("--to", to,
                     "Receiver's SS58 address, signed into the request (dojo/1, btauth/1)");
  command
      .add_option(
          "--dialect", dialect,
          "dojo/1, legacy (what the Python client sends) or btauth/1 (what Bittensor's SDK signs)")
      ->check(CLI::IsMember({"dojo/1", "legacy", "btauth/1"}))
      ->capture_default_str();
  command.add_option("--timeout", timeout_seconds, "Seconds for one attempt")
      ->check(CLI::Range(0.001, 86'400.0))
      ->capture_default_str();
  command.add_option("--retries", retries, "Attempts in all; 1 does not try again")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  auto* always = command.add_flag("--preflight", preflight, "Always send a HEAD first");
  command
      .add_flag("--no-preflight", no_preflight,
                "Never; without either, only for bodies over 64 KiB")
      ->excludes(always);
  command.add_option("-H,--header", headers, "Extra header 'Name: value'; may be repeated")
      ->allow_extra_args(false);
  command.add_option("--request-id", request_id, "Sent as x-request-id");
  command.add_option("--message", message,
                     "The legacy dialect's text, if the hotkey in it is to have another prefix");
  command.add_flag("--no-compress", no_compress, "Plain JSON, both ways");
  command.add_flag("--insecure", insecure, "https: take any certificate");
}

Result<wire::Keypair> RequestOptions::key() const {
  if (wallet.file.empty()) {
    auto fresh = wire::Keypair::generate();
    complain(fmt::format("no wallet (--wallet or DOJO_WALLET): signing as {}, made for this call",
                         fresh.address()));
    return fresh;
  }
  return wallet.load();
}

ClientOptions RequestOptions::client_options() const {
  ClientOptions options;
  options.dialect = *wire::parse_dialect(dialect);
  options.insecure_tls = insecure;
  options.sessions = sessions;
  return options;
}

Result<SendOptions> RequestOptions::send_options() const {
  SendOptions options;
  if (!to.empty()) {
    options.to.emplace(to);
    if (!options.to->key()) return fail("--to: " + options.to->key().error().message);
  }
  options.timeout = std::chrono::milliseconds(std::llround(timeout_seconds * 1000));
  options.max_retries = retries;
  if (preflight) options.preflight = Preflight::always;
  if (no_preflight) options.preflight = Preflight::never;
  options.compress = !no_compress;
  options.request_id = request_id;
  if (!message.empty()) options.message = message;
  for (const auto& line : headers) {
    auto header = parse_header(line);
    if (!header) return Unexpected(std::move(header.error()));
    options.headers.push_back(std::move(*header));
  }
  return options;
}

ExitCode exit_code_of(const StdResponse<RawJson>& response) {
  if (response.ok()) return kAnswered;
  if (!response.exception) return kRefused;
  return exit_code_of(response.exception, response.client_response.status);
}

ExitCode exit_code_of(const std::optional<SendError>& failure, int status) {
  if (!failure) return kAnswered;
  switch (failure->kind) {
    case SendError::Kind::invalid_request:
      return kUsage;
    case SendError::Kind::connection:
      // An answer that was cut off has come from somebody.
      return status == 0 ? kUnreachable : kRefused;
    case SendError::Kind::timeout:
    case SendError::Kind::tls:
    case SendError::Kind::internal:
      return kUnreachable;
    case SendError::Kind::cancelled:
      return kCancelled;
    default:
      return kRefused;
  }
}

std::optional<std::string> hint_about(std::optional<Code> code, bool named) {
  if (named || code != Code::wrong_receiver) return std::nullopt;
  return "the request names no receiver: give the miner's hotkey with --to (batch: behind its "
         "url), "
         "or sign with --dialect legacy, which names none";
}

}  // namespace dojo::cli
