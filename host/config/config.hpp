// The host's configuration: defaults, then the TOML file, then the command line. etc/dojo-host.toml
// describes every key.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/result.hpp>
#include <dojo/wire/ss58.hpp>

#include "base/log.hpp"
#include "net/server.hpp"
#include "plugins/deploy/options.hpp"
#include "policy/metagraph/metagraph_source.hpp"
#include "policy/quotas.hpp"
#include "policy/replay/replay_memory.hpp"
#include "policy/rules/rules.hpp"
#include "policy/session/session_store.hpp"
#include "request/dialect.hpp"
#include "request/dispatch.hpp"

namespace dojo::host {

struct Config {
  std::filesystem::path plugins_dir;  ///< where the plugins' .so files are
  std::filesystem::path worker;       ///< the dojo-worker program
  std::filesystem::path state_dir;    ///< where the host keeps what outlives it
  std::filesystem::path wallet;  ///< a hotkey file; empty: an identity of the state folder's own
  std::optional<wire::PublicKey> hotkey;       ///< in place of a wallet: there is no secret then
  std::filesystem::path wallet_password_file;  ///< of an encrypted hotkey file; empty: none
  net::Options http;                           ///< address and port included
  request::AuthOptions auth;
  policy::RuleOptions access;
  policy::MetagraphOptions metagraph;
  policy::ReplayOptions replay;
  policy::SessionOptions sessions;
  policy::QuotaOptions quota;
  request::DispatchOptions dispatch;
  std::chrono::milliseconds drain{
      30'000};  ///< how long requests may take to end when the host goes down
  int compression_level = 3;
  std::string log_level = "info";
  base::LogFormat log_format = base::LogFormat::text;
  plugins::ReloadOptions reload;
  std::map<std::string, plugins::PluginSettings, std::less<>> plugins;  ///< by the plugin's name
  /// What the file says, each key by its full name (`http.threads`), to tell what has changed.
  std::map<std::string, std::string, std::less<>> written;
};

/// What is said about a plugin, the defaults if nothing is.
plugins::PluginSettings settings_of(const Config& config, std::string_view plugin);

/// What counts without a file: loopback, port 8091, the plugins beside the program, the user's
/// state folder.
Config default_config();

/// Reads a file over the defaults. Relative paths in it are relative to its folder; `~/` is the
/// home folder.
/// @return the configuration, or all that is wrong with the file, a line each: `FILE:LINE: what,
/// and what would be right`.
Result<Config> load_config(const std::filesystem::path& file);

/// The same for a text; `name` stands for the file in errors, `folder` for its folder.
Result<Config> parse_config(std::string_view text, const std::string& name,
                            const std::filesystem::path& folder);

/// Reads "ADDRESS:PORT", "[V6]:PORT" or ":PORT" (all addresses) into `http`.
Status set_listen(net::Options& http, std::string_view text);

/// The state folder that a file names, else the default one, for those who ask a host that runs:
/// what else stands in the file, and is perhaps wrong there, is no matter.
Result<std::filesystem::path> state_dir_of(const std::filesystem::path& file);

/// A path with a leading `~/` resolved.
std::filesystem::path expand_home(std::string_view path);

}  // namespace dojo::host
