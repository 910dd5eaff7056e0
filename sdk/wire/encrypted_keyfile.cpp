#include "encrypted_keyfile.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "secret.hpp"

namespace dojo::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

constexpr std::size_t kHashSize = 32;
constexpr std::string_view kSpace = " \t\r\n";

Unexpected<Error> wrong_password() {
  return fail("its password is wrong, or the file is damaged");
}

Unexpected<Error> damaged(std::string_view what) {
  return fail(fmt::format("is encrypted, and damaged: {}", what));
}

View bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// ---- what the two older forms are made of

template <std::size_t N>
Wiped<N> derive(std::string_view password, View salt, int rounds) {
  Wiped<N> key;
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                        static_cast<int>(salt.size()), rounds, EVP_sha256(), static_cast<int>(N),
                        key.data()) != 1) {
    throw std::runtime_error("libcrypto refuses PBKDF2-HMAC-SHA256");
  }
  return key;
}

bool is_authentic(View key, View message, View mac) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> wanted{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
           wanted.data(), &size) == nullptr) {
    throw std::runtime_error("libcrypto refuses HMAC-SHA256");
  }
  return size == mac.size() && sodium_memcmp(wanted.data(), mac.data(), size) == 0;
}

/// For a message that is authentic.
Result<SecretText> decrypt(const EVP_CIPHER* cipher, View key, View iv, View message) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(
      EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  SecretText text(message.size() + EVP_MAX_BLOCK_LENGTH);
  auto* const out = reinterpret_cast<unsigned char*>(text.data());
  int size = 0;
  int rest = 0;
  const bool done =
      context && EVP_DecryptInit_ex(context.get(), cipher, nullptr, key.data(), iv.data()) == 1 &&
      EVP_DecryptUpdate(context.get(), out, &size, message.data(),
                        static_cast<int>(message.size())) == 1 &&
      EVP_DecryptFinal_ex(context.get(), out + size, &rest) == 1;
  if (!done) return damaged("its cipher text does not come out even");
  text.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(rest));
  return text;
}

// ---- $NACL nonce ‖ tag ‖ cipher text

// What both packages derive every file's key with.
constexpr std::array<unsigned char, crypto_pwhash_argon2i_SALTBYTES> kNaclSalt = {
    0x13, 0x71, 0x83, 0xdf, 0xf1, 0x5a, 0x09, 0xbc, 0x9c, 0x90, 0xb5, 0x51, 0x87, 0x39, 0xe9, 0xb1};

Result<SecretText> decrypt_nacl(std::string_view content, std::string_view password) {
  const View sealed = bytes_of(content.substr(name_of(Encryption::nacl).size()));
  constexpr std::size_t kNonce = crypto_secretbox_NONCEBYTES;
  if (sealed.size() < kNonce + crypto_secretbox_MACBYTES) return damaged("it is too short");
  Wiped<crypto_secretbox_KEYBYTES> key;
  if (crypto_pwhash_argon2i(key.data(), key.span().size(), password.data(), password.size(),
                            kNaclSalt.data(), crypto_pwhash_argon2i_OPSLIMIT_SENSITIVE,
                            crypto_pwhash_argon2i_MEMLIMIT_SENSITIVE,
                            crypto_pwhash_argon2i_ALG_ARGON2I13) != 0) {
    return fail("to decrypt it takes 512 MiB of memory, which are not to be had");
  }
  const View box = sealed.subspan(kNonce);
  SecretText text(box.size() - crypto_secretbox_MACBYTES);
  if (crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(text.data()), box.data(),
                                 box.size(), sealed.data(), key.data()) != 0) {
    return wrong_password();
  }
  text.resize(box.size() - crypto_secretbox_MACBYTES);
  return text;
}

// ---- $ANSIBLE_VAULT;1.1;AES256, then hex of three lines of hex: salt, MAC, cipher text
// (https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html)

/// Hex digits with any white space between.
bool read_hex(std::string_view digits, Bytes& out) {
  out.resize(digits.size() / 2 + 1);
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_hex2bin(out.data(), out.size(), digits.data(), digits.size(), kSpace.data(), &size,
                     &end) != 0 ||
      end != digits.data() + digits.size()) {
    return false;
  }
  out.resize(size);
  return true;
}

struct Vault {
  Bytes salt;
  Bytes mac;
  Bytes message;
};

bool read_vault(std::string_view content, Vault& vault) {
  const auto end = content.find('\n');
  if (end == std::string_view::npos) return false;
  Bytes inner;
  if (!read_hex(content.substr(end), inner)) return false;
  std::string_view lines(reinterpret_cast<const char*>(inner.data()), inner.size());
  const auto next = [&lines] {
    const auto line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    return line;
  };
  return read_hex(next(), vault.salt) && read_hex(next(), vault.mac) &&
         read_hex(next(), vault.message) && !vault.message.empty();
}

Result<SecretText> decrypt_vault(std::string_view content, std::string_view password) {
  constexpr int kRounds = 10'000;
  Vault vault;
  if (!read_vault(content, vault)) return damaged("it is not hex of three lines of hex");
  const auto derived = derive<80>(password, vault.salt, kRounds);
  const View keys = derived.span();
  if (!is_authentic(keys.subspan(32, 32), vault.message, vault.mac)) return wrong_password();
  auto text = decrypt(EVP_aes_256_ctr(), keys.subspan(0, 32), keys.subspan(64, 16), vault.message);
  if (!text) return text;
  const auto padding = static_cast<unsigned char>(text->view().back());
  if (padding == 0 || padding > text->view().size()) return damaged("its padding is wrong");
  text->resize(text->view().size() - padding);
  return text;
}

// ---- Fernet (https://github.com/fernet/spec/blob/master/Spec.md)

Result<SecretText> decrypt_fernet(std::string_view content, std::string_view password) {
  constexpr std::string_view kSalt =
      "Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins";
  constexpr int kRounds = 10'000'000;
  constexpr std::size_t kIv = 9;  // behind a version and a time
  constexpr std::size_t kMessage = kIv + 16;
  const auto end = content.find_last_not_of("= \t\r\n") + 1;
  Bytes token(content.size());
  std::size_t size = 0;
  if (sodium_base642bin(token.data(), token.size(), content.data(), end, nullptr, &size, nullptr,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      size < kMessage + kHashSize) {
    return damaged("it is no Fernet token");
  }
  const View whole = View(token).first(size);
  const auto derived = derive<32>(password, bytes_of(kSalt), kRounds);
  const View keys = derived.span();
  const View message = whole.first(size - kHashSize);
  if (!is_authentic(keys.first(16), message, whole.last(kHashSize))) return wrong_password();
  return decrypt(EVP_aes_128_cbc(), keys.last(16), whole.subspan(kIv, 16),
                 message.subspan(kMessage));
}

}  // namespace

std::optional<Encryption> encryption_of(std::string_view content) {
  constexpr std::array<std::pair<std::string_view, Encryption>, 3> kForms = {
      {{"$NACL", Encryption::nacl},
       {"$ANSIBLE_VAULT", Encryption::ansible_vault},
       {"gAAAAA", Encryption::fernet}}};
  for (const auto& [begin, encryption] : kForms) {
    if (content.starts_with(begin)) return encryption;
  }
  return std::nullopt;
}

std::string_view name_of(Encryption encryption) {
  switch (encryption) {
    case Encryption::nacl:
      return "$NACL";
    case Encryption::ansible_vault:
      return "$ANSIBLE_VAULT";
    case Encryption::fernet:
      return "Fernet";
  }
  return {};
}

Result<SecretText> decrypt_keyfile(std::string_view content, Encryption encryption,
                                   std::string_view password) {
  require_sodium();
  switch (encryption) {
    case Encryption::nacl:
      return decrypt_nacl(content, password);
    case Encryption::ansible_vault:
      return decrypt_vault(content, password);
    case Encryption::fernet:
      return decrypt_fernet(content, password);
  }
  return damaged("its form is unknown");
}

}  // namespace dojo::wire
