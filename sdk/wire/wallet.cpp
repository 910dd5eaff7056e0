#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dojo/model.hpp>
#include <dojo/wire/wallet.hpp>

#include "encrypted_keyfile.hpp"
#include "hex.hpp"
#include "keyfile.hpp"
#include "mnemonic.hpp"
#include "new_file.hpp"
#include "process/trust.hpp"
#include "secret.hpp"

namespace dojo::wire {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = std::size_t{64} << 10;  ///< bytes; a hotkey file has about 700
constexpr mode_t kFileMode = 0600;
constexpr mode_t kFolderMode = 0700;

std::string reason(int error) {
  return std::generic_category().message(error);
}

Unexpected<Error> refuse(const fs::path& file, std::string_view what) {
  return fail(fmt::format("wallet {}: {}", file.string(), what));
}

Result<fs::path> expand_home(const fs::path& file) {
  const std::string text = file.string();
  if (!text.starts_with("~/")) return file;
  const char* const home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    return refuse(file, "there is no HOME to put in place of ~; give the whole path");
  }
  return fs::path(home) / text.substr(2);
}

// ---- reading

struct FileContent {
  SecretText text;
  mode_t mode = 0;
};

Result<FileContent> read_file(const fs::path& file) {
  // O_NONBLOCK, so that a pipe in the file's place does not hold us up.
  const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) {
    if (errno == ENOENT) {
      return refuse(file, "there is no such file; make one with `dojo keygen FILE`");
    }
    return refuse(file, fmt::format("cannot be opened: {}", reason(errno)));
  }
  struct stat status{};
  if (::fstat(descriptor.get(), &status) != 0) return refuse(file, reason(errno));
  if (!S_ISREG(status.st_mode)) return refuse(file, "is not a file; name the hotkey file itself");
  if (const auto fault = process::who_else_writes_file(status, file, process::its_reader(status));
      !fault.empty()) {
    return refuse(file, fault);
  }
  if (static_cast<std::size_t>(status.st_size) > kMaxFile) {
    return refuse(file, "is too large to be a hotkey file");
  }
  auto text = read_secret(descriptor.get(), kMaxFile);
  if (!text) return refuse(file, text.error().message);
  return FileContent{std::move(*text), status.st_mode & 0777U};
}

Result<SecretText> decrypted(const fs::path& file, const SecretText& content, Encryption form,
                             const PasswordSource& password) {
  const auto name = name_of(form);
  if (!password) return refuse(file, fmt::format("is encrypted ({}): give its password", name));
  const auto given = password(file);
  if (!given) {
    return refuse(file, fmt::format("is encrypted ({}): {}", name, given.error().message));
  }
  auto text = decrypt_keyfile(content.view(), form, given->view());
  if (!text) return refuse(file, text.error().message);
  return text;
}

// ---- writing

/// As JSON needs no escapes: a phrase may have come with any white space between its words.
void append_phrase(SecretText& text, std::string_view phrase) {
  for (const char c : phrase)
    text.append(c < ' ' ? std::string_view(" ") : std::string_view(&c, 1));
}

SecretText format_fields(const Keypair& keypair, std::string_view phrase, const Wiped<32>& seed) {
  constexpr std::size_t kSeedDigits = 64;
  SecretText digits(kSeedDigits);
  // libsodium ends it with a zero, as SecretText does.
  sodium_bin2hex(digits.data(), kSeedDigits + 1, seed.data(), seed.span().size());
  digits.resize(kSeedDigits);
  const std::string key = encode_hex(keypair.public_key());
  SecretText text(1024 + phrase.size());
  text.append(fmt::format(R"({{"accountId":"0x{}","publicKey":"0x{}","secretPhrase":")", key, key));
  append_phrase(text, phrase);
  text.append(R"(","secretSeed":"0x)");
  text.append(digits.view());
  text.append(fmt::format(R"(","ss58Address":"{}","cryptoType":{}}})", keypair.address(),
                          static_cast<unsigned>(keypair.scheme())));
  return text;
}

Status make_folders(const fs::path& file, const fs::path& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return {};
  if (auto parent = make_folders(file, folder.parent_path()); !parent) return parent;
  if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return refuse(file, fmt::format("cannot make folder {}: {}", folder.string(), reason(errno)));
  }
  return {};
}

Status write_wallet(const fs::path& file, std::string_view text) {
  if (auto made = make_folders(file, file.parent_path()); !made) return made;
  const auto written = write_new_file(file, text, kFileMode);
  return written ? Status() : refuse(file, written.error().message);
}

}  // namespace

Result<Wallet> load_wallet(const fs::path& file, const PasswordSource& password) {
  const auto path = expand_home(file);
  if (!path) return Unexpected(path.error());
  auto content = read_file(*path);
  if (!content) return Unexpected(content.error());
  if (const auto form = encryption_of(content->text.view())) {
    auto text = decrypted(*path, content->text, *form, password);
    if (!text) return Unexpected(text.error());
    content->text = std::move(*text);
  }
  auto keyfile = parse_keyfile(content->text);
  if (!keyfile) return refuse(*path, keyfile.error().message);
  Wallet wallet{std::move(keyfile->keypair), {}};
  for (const auto& oddity : keyfile->oddities) {
    wallet.warnings.push_back(fmt::format("wallet {}: {}", path->string(), oddity));
  }
  if ((content->mode & ~kFileMode) != 0) {
    wallet.warnings.push_back(fmt::format(
        "wallet {} can be used by others than its owner (mode {:04o}); run: chmod 600 {}",
        path->string(), content->mode, path->string()));
  }
  return wallet;
}

Result<Wallet> create_wallet(const fs::path& file, std::string_view mnemonic) {
  const auto path = expand_home(file);
  if (!path) return Unexpected(path.error());
  if (::access(path->c_str(), F_OK) == 0) {
    return refuse(*path, kFileExists);
  }
  std::string fresh = mnemonic.empty() ? generate_mnemonic() : std::string();
  const std::string_view phrase = mnemonic.empty() ? std::string_view(fresh) : mnemonic;
  const auto seed = seed_from_mnemonic(phrase, {});
  if (!seed) return Unexpected(seed.error());
  Keypair keypair = Keypair::from_seed(seed->span());
  const SecretText text = format_fields(keypair, phrase, *seed);
  wipe(fresh);
  if (auto written = write_wallet(*path, text.view()); !written) {
    return Unexpected(std::move(written).error());
  }
  return Wallet{std::move(keypair), {}};
}

}  // namespace dojo::wire
