// Where the password of an encrypted keyfile comes from.
#pragma once

#include <filesystem>

#include <dojo/wire/wallet.hpp>

namespace dojo::wire {

/// The sources that `dojo` and dojo-host have, in this order:
/// 1. `file`, if it is named: its text without white space at the ends;
/// 2. the environment: `DOJO_WALLET_PASSWORD`; `BT_PW_<the keyfile's absolute path, in capitals,
/// with
///    _ for / and .>`, which holds it as `Keyfile.save_password_to_env` of bittensor's packages
///    writes it; `BT_WALLET_PASSWORD`;
/// 3. the terminal, without echo, if standard input is one.
/// A variable that gave it is overwritten and removed, so that no process or plugin inherits it:
/// load the wallet before there are other threads that look at the environment.
/// @return a source; its error says what the sources are
PasswordSource password_from(std::filesystem::path file = {});

}  // namespace dojo::wire
