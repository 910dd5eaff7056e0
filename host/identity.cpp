#include "identity.hpp"

#include <filesystem>
#include <system_error>

#include <dojo/wire/password.hpp>
#include <dojo/wire/wallet.hpp>

#include "base/files.hpp"

namespace dojo::host {

namespace fs = std::filesystem;

Result<Identity> load_identity(const Config& config, const base::Log& log) {
  // Before a key is written there: it is not for others to read, nor to put another in its place.
  if (const auto state = base::open_private_folder(config.state_dir); !state) {
    return Unexpected(state.error());
  }
  if (config.hotkey) return Identity(*config.hotkey);
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
  Identity identity(wallet->keypair);
  identity.fresh = fresh;
  return identity;
}

}  // namespace dojo::host
