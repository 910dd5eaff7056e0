#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dojo/wire/wallet.hpp>

#include "hex.hpp"
#include "mnemonic.hpp"
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

/// A text that is wiped at the end of its life.
class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::string text) : text_(std::move(text)) {}
  SecretText(SecretText&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  SecretText& operator=(SecretText&&) = delete;
  ~SecretText() { wipe(text_); }

  std::string& text() { return text_; }
  [[nodiscard]] std::string_view view() const { return text_; }

 private:
  std::string text_;
};

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

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
  if (static_cast<std::size_t>(status.st_size) > kMaxFile) {
    return refuse(file, "is too large to be a hotkey file");
  }
  FileContent content;
  content.mode = status.st_mode & 0777U;
  std::string& text = content.text.text();
  text.resize(static_cast<std::size_t>(status.st_size));
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(descriptor.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse(file, fmt::format("cannot be read: {}", reason(errno)));
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  text.resize(size);
  return content;
}

/// What an encrypted keyfile begins with, and what encrypted it.
std::optional<std::string_view> encryption_of(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kForms = {
      {{"$NACL", "$NACL"}, {"$ANSIBLE_VAULT", "$ANSIBLE_VAULT"}, {"gAAAAA", "Fernet"}}};
  for (const auto& [begin, name] : kForms) {
    if (text.starts_with(begin)) return name;
  }
  return std::nullopt;
}

/// The fields of a hotkey file; those that are missing or null are empty.
struct Fields {
  SecretText seed;
  SecretText phrase;
  SecretText private_key;
  std::string address;
  std::string public_key;
  Scheme scheme = Scheme::sr25519;
};

/// Keeps a string and wipes the parser's copy of it. @return false if the value is neither a string
/// nor null.
bool take_text(simdjson::dom::element value, std::string& out) {
  if (value.is_null()) return true;
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return false;
  out.assign(text);
  // The parser's own buffer, which it hands out as constant.
  sodium_memzero(const_cast<char*>(text.data()), text.size());
  return true;
}

bool take_scheme(simdjson::dom::element value, Scheme& out) {
  if (value.is_null()) return true;
  std::uint64_t number = 0;
  if (value.get(number) != simdjson::SUCCESS || number > 1) return false;
  out = static_cast<Scheme>(number);
  return true;
}

bool take_field(std::string_view name, simdjson::dom::element value, Fields& fields) {
  if (name == "secretSeed") return take_text(value, fields.seed.text());
  if (name == "secretPhrase") return take_text(value, fields.phrase.text());
  if (name == "privateKey") return take_text(value, fields.private_key.text());
  if (name == "ss58Address") return take_text(value, fields.address);
  if (name == "publicKey") return take_text(value, fields.public_key);
  if (name == "cryptoType") return take_scheme(value, fields.scheme);
  return true;
}

Result<Fields> parse_fields(const fs::path& file, SecretText& text) {
  const std::size_t size = text.view().size();
  text.text().resize(size + simdjson::SIMDJSON_PADDING);
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(text.text().data(), size, false).get(object) != simdjson::SUCCESS) {
    return refuse(file, "is not a JSON object, which hotkey files are");
  }
  // All fields are walked through before an error is told, so that no secret stays in the parser.
  Fields fields;
  std::string wrong;
  for (const auto [name, value] : object) {
    if (!take_field(name, value, fields)) wrong = name;
  }
  if (!wrong.empty()) return refuse(file, fmt::format("its field {} has a wrong value", wrong));
  return fields;
}

Result<Keypair> keypair_of(const Fields& fields) {
  if (!fields.seed.view().empty()) {
    return Keypair::from_seed_hex(fields.seed.view(), fields.scheme);
  }
  if (!fields.phrase.view().empty()) {
    return Keypair::from_mnemonic(fields.phrase.view(), {}, fields.scheme);
  }
  if (!fields.private_key.view().empty()) {
    if (fields.scheme == Scheme::sr25519) {
      return Keypair::from_private_key_hex(fields.private_key.view());
    }
    return fail("an ed25519 key needs its secretSeed or secretPhrase");
  }
  return fail(
      "holds a public key alone (it may be a ...pub.txt file); name the file with the secret");
}

/// Whether what the file says of the public half is what the secret says.
bool agrees(const Fields& fields, const Keypair& keypair) {
  if (!fields.address.empty()) {
    const auto address = decode_ss58(fields.address);
    if (!address || address->key != keypair.public_key()) return false;
  }
  if (!fields.public_key.empty()) {
    std::string_view digits = fields.public_key;
    if (digits.starts_with("0x")) digits.remove_prefix(2);
    PublicKey key{};
    if (!decode_hex(digits, key) || key != keypair.public_key()) return false;
  }
  return true;
}

// ---- writing

SecretText format_fields(const Keypair& keypair, std::string_view mnemonic, const Wiped<32>& seed) {
  const std::string key = "0x" + encode_hex(keypair.public_key());
  const std::string address = keypair.address();
  SecretText digits(encode_hex(seed.span()));
  SecretText seed_text;
  seed_text.text().reserve(2 + digits.view().size());
  seed_text.text().append("0x").append(digits.view());

  rapidjson::StringBuffer buffer(nullptr,
                                 4096);  // enough: a buffer that grows leaves copies behind
  rapidjson::Writer writer(buffer);
  const auto field = [&writer](std::string_view name, std::string_view value) {
    writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  writer.StartObject();
  field("accountId", key);
  field("publicKey", key);
  field("secretPhrase", mnemonic);
  field("secretSeed", seed_text.view());
  field("ss58Address", address);
  writer.Key("cryptoType");
  writer.Uint(static_cast<unsigned>(keypair.scheme()));
  writer.EndObject();
  SecretText text(std::string(buffer.GetString(), buffer.GetSize()));
  sodium_memzero(const_cast<char*>(buffer.GetString()), buffer.GetSize());
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

/// Removes a file when the scope ends.
class RemoveLater {
 public:
  explicit RemoveLater(fs::path file) : file_(std::move(file)) {}
  ~RemoveLater() { ::unlink(file_.c_str()); }
  RemoveLater(const RemoveLater&) = delete;
  RemoveLater& operator=(const RemoveLater&) = delete;

 private:
  fs::path file_;
};

Status write_all(const fs::path& file, int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse(file, fmt::format("cannot be written: {}", reason(errno)));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(descriptor) != 0) return refuse(file, reason(errno));
  return {};
}

/// Writes beside the file, then gives it its name by link(2), which unlike rename(2) never replaces
/// one that is there.
Status write_new_file(const fs::path& file, std::string_view text) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (auto made = make_folders(file, folder); !made) return made;
  std::array<std::uint8_t, 8> random;
  randombytes_buf(random.data(), random.size());
  const fs::path draft =
      folder / fmt::format(".{}.{}.tmp", file.filename().string(), encode_hex(random));
  const Descriptor descriptor(
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (descriptor.get() < 0) {
    return refuse(file, fmt::format("cannot write to its folder: {}", reason(errno)));
  }
  const RemoveLater remove_draft(draft);
  if (auto written = write_all(file, descriptor.get(), text); !written) return written;
  if (::link(draft.c_str(), file.c_str()) != 0) {
    if (errno == EEXIST) return refuse(file, "exists already; keys are never overwritten");
    return refuse(file, fmt::format("cannot be named: {}", reason(errno)));
  }
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());  // the name, too, outlives a power cut
  return {};
}

}  // namespace

Result<Wallet> load_wallet(const fs::path& file) {
  const auto path = expand_home(file);
  if (!path) return Unexpected(path.error());
  auto content = read_file(*path);
  if (!content) return Unexpected(content.error());
  if (const auto form = encryption_of(content->text.view())) {
    return refuse(*path, fmt::format("is encrypted ({}); hotkeys that a service uses have to be "
                                     "unencrypted: decrypt it with bittensor-wallet, mode 0600",
                                     *form));
  }
  const auto fields = parse_fields(*path, content->text);
  if (!fields) return Unexpected(fields.error());
  const auto keypair = keypair_of(*fields);
  if (!keypair) return refuse(*path, keypair.error().message);
  if (!agrees(*fields, *keypair)) {
    return refuse(*path,
                  fmt::format("its ss58Address or publicKey is not its secret's, which is {}; "
                              "the file is damaged or was put together from two",
                              keypair->address()));
  }
  Wallet wallet{*keypair, {}};
  if ((content->mode & ~kFileMode) != 0) {
    wallet.warnings.push_back(fmt::format(
        "wallet {} can be used by others than its owner (mode {:04o}); run: chmod 600 {}",
        path->string(), content->mode, path->string()));
  }
  return wallet;
}

Result<Wallet> create_wallet(const fs::path& file, std::string mnemonic) {
  SecretText phrase(std::move(mnemonic));
  const auto path = expand_home(file);
  if (!path) return Unexpected(path.error());
  if (::access(path->c_str(), F_OK) == 0) {
    return refuse(*path, "exists already; keys are never overwritten");
  }
  if (phrase.view().empty()) phrase.text() = generate_mnemonic();
  const auto seed = seed_from_mnemonic(phrase.view(), {});
  if (!seed) return Unexpected(seed.error());
  Keypair keypair = Keypair::from_seed(seed->span());
  const SecretText text = format_fields(keypair, phrase.view(), *seed);
  if (auto written = write_new_file(*path, text.view()); !written) {
    return Unexpected(std::move(written).error());
  }
  return Wallet{std::move(keypair), {}};
}

}  // namespace dojo::wire
