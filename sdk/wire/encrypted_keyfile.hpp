// The three forms in which bittensor's packages encrypt keyfiles.
#pragma once

#include <optional>
#include <string_view>

#include <dojo/result.hpp>
#include <dojo/wire/secret_text.hpp>

namespace dojo::wire {

/// How a keyfile is encrypted.
enum class Encryption {
  nacl,           ///< Argon2i and XSalsa20-Poly1305: what bittensor writes today
  ansible_vault,  ///< PBKDF2 and AES-256-CTR: Ansible Vault 1.1
  fernet,         ///< PBKDF2 with a salt of bittensor's and Fernet: its first versions
};

/// What a file's first bytes say; nothing: it is not encrypted.
std::optional<Encryption> encryption_of(std::string_view content);

/// As it is called: $NACL, $ANSIBLE_VAULT, Fernet.
std::string_view name_of(Encryption encryption);

/// Takes 0.1 to 5 s, and for nacl 512 MiB of memory. @return the keyfile's text; or an error: the
/// password is wrong, the file is damaged, there is no memory
Result<SecretText> decrypt_keyfile(std::string_view content, Encryption encryption,
                                   std::string_view password);

}  // namespace dojo::wire
