#include "identity.hpp"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include <dojo/wire/password.hpp>
#include <dojo/wire/wallet.hpp>

namespace dojo::host {
namespace {

namespace fs = std::filesystem;

Status make_state_dir(const fs::path& folder) {
  std::error_code error;
  if (fs::create_directories(folder, error)) {
    fs::permissions(folder, fs::perms::owner_all, fs::perm_options::replace, error);
  }
  if (error) return fail(fmt::format("state folder {}: {}", folder.string(), error.message()));
  return {};
}

}  // namespace

Result<Identity> load_identity(const Config& config, const base::Log& log) {
  if (auto made = make_state_dir(config.state_dir); !made) return Unexpected(made.error());
  const auto own = config.state_dir / "identity.json";
  std::error_code error;
  const bool fresh = config.wallet.empty() && !fs::exists(own, error);
  auto wallet = fresh ? wire::create_wallet(own)
                      : wire::load_wallet(config.wallet.empty() ? own : config.wallet,
                                          wire::password_from(config.wallet_password_file));
  if (!wallet) return Unexpected(wallet.error());
  for (const auto& warning : wallet->warnings) log.warning(warning);
  if (fresh) {
    log.warning("no wallet is configured: made a fresh identity, which no chain knows",
                {{"file", own.string()}, {"hotkey", wallet->keypair.address()}});
  }
  return Identity{wallet->keypair, fresh};
}

}  // namespace dojo::host
