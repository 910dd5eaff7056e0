#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dojo/wire/wallet.hpp>

#include "sanitized.hpp"
#include "vectors.hpp"

namespace dojo::wire {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kSeed =
    "0x3333333333333333333333333333333333333333333333333333333333333333";
constexpr std::string_view kPhrase =
    "legal winner thank year wave sausage worth useful legal winner thank yellow";

class WalletFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "dojo-wallet-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    file_ = folder_ / "hotkey";
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(std::string_view text, mode_t mode = 0600) const {
    std::ofstream(file_, std::ios::binary) << text;
    ASSERT_EQ(::chmod(file_.c_str(), mode), 0);
  }

  [[nodiscard]] std::string read() const {
    std::ifstream file(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  [[nodiscard]] std::string loaded_address() const {
    const auto wallet = load_wallet(file_);
    return wallet ? wallet->keypair.address() : wallet.error().message;
  }

  [[nodiscard]] std::string error() const {
    const auto wallet = load_wallet(file_);
    if (wallet) return "no error";
    EXPECT_THAT(wallet.error().message, HasSubstr(file_.string()));
    EXPECT_THAT(wallet.error().message, Not(HasSubstr("3333")));
    return wallet.error().message;
  }

  [[nodiscard]] std::string error_of(std::string_view text) const {
    write(text);
    return error();
  }

  static mode_t mode_of(const fs::path& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 0777U;
  }

  fs::path folder_;
  fs::path file_;
};

TEST_F(WalletFile, OfASeedIsLoaded) {
  write(fmt::format(R"({{"secretSeed": "{}"}})", kSeed));
  const auto wallet = load_wallet(file_);
  ASSERT_TRUE(wallet) << wallet.error().message;
  EXPECT_EQ(wallet->keypair.public_key(), Keypair::from_seed_hex(kSeed)->public_key());
  EXPECT_THAT(wallet->warnings, IsEmpty());
}

TEST_F(WalletFile, OfAPhraseIsLoaded) {
  write(fmt::format(R"({{"secretPhrase": "{}", "secretSeed": null}})", kPhrase));
  const auto wallet = load_wallet(file_);
  ASSERT_TRUE(wallet) << wallet.error().message;
  EXPECT_EQ(wallet->keypair.public_key(), Keypair::from_mnemonic(kPhrase)->public_key());
}

TEST_F(WalletFile, ThatBittensorWalletWroteIsLoaded) {
  write(
      R"({"ss58Address":"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY","accountId":"0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d","publicKey":"0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d","privateKey":"0x33a6f3093f158a7109f679410bef1a0c54168145e0cecb4df006c1c2fffb1f09925a225d97aa00682d6a59b95b18780c10d7032336e88f3442b42361f4a66011","cryptoType":1})");
  const auto wallet = load_wallet(file_);
  ASSERT_TRUE(wallet) << wallet.error().message;
  EXPECT_EQ(wallet->keypair.address(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
}

TEST_F(WalletFile, MayHoldAnEd25519Key) {
  write(fmt::format(R"({{"secretSeed": "{}", "cryptoType": 0}})", kSeed));
  const auto wallet = load_wallet(file_);
  ASSERT_TRUE(wallet) << wallet.error().message;
  EXPECT_EQ(wallet->keypair.scheme(), Scheme::ed25519);
  EXPECT_EQ(wallet->keypair.public_key(),
            Keypair::from_seed_hex(kSeed, Scheme::ed25519)->public_key());
}

TEST_F(WalletFile, ThatOthersCanReadIsWarnedAbout) {
  for (const mode_t mode : {0640U, 0604U, 0700U}) {
    write(fmt::format(R"({{"secretSeed": "{}"}})", kSeed), mode);
    const auto wallet = load_wallet(file_);
    ASSERT_TRUE(wallet);
    EXPECT_THAT(wallet->warnings, ElementsAre(HasSubstr("chmod 600"))) << mode;
  }
  ASSERT_EQ(::chmod(file_.c_str(), 0400), 0);
  EXPECT_THAT(load_wallet(file_)->warnings, IsEmpty());
}

TEST_F(WalletFile, ThatOthersCanWriteIsRefused) {
  const auto text = fmt::format(R"({{"secretSeed": "{}"}})", kSeed);
  for (const mode_t mode : {0602U, 0666U}) {
    write(text, mode);
    EXPECT_THAT(error(), HasSubstr("chmod go-w " + file_.string())) << mode;
  }
  write(text);
  const auto folder = file_.parent_path();
  fs::permissions(folder, fs::perms(0757));
  EXPECT_THAT(error(), HasSubstr("chmod go-w " + folder.string()));
  fs::permissions(folder, fs::perms(01777));
  EXPECT_EQ(error(), "no error") << "of a folder like /tmp each file is its owner's";
  fs::permissions(folder, fs::perms(0700));
  if (::chown(file_.c_str(), 12345, static_cast<gid_t>(-1)) != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  EXPECT_EQ(error(), "no error") << "root reads the user's whom it is told to read";
  ASSERT_EQ(::chown(folder.c_str(), 12346, static_cast<gid_t>(-1)), 0);
  EXPECT_THAT(error(), HasSubstr("belongs to user 12346, and this is user 12345"));
  ASSERT_EQ(::chown(folder.c_str(), 0, static_cast<gid_t>(-1)), 0);
}

TEST_F(WalletFile, ThatAGroupOfStrangersCanWriteIsRefused) {
  write(fmt::format(R"({{"secretSeed": "{}"}})", kSeed), 0660);
  if (::chown(file_.c_str(), static_cast<uid_t>(-1), 12345) != 0) {
    GTEST_SKIP() << "only root can give a file to any group";
  }
  ASSERT_EQ(::chmod(file_.c_str(), 0660), 0);
  EXPECT_THAT(error(), HasSubstr("mode 0660): chmod go-w"));
  ASSERT_EQ(::chmod(file_.c_str(), 0640), 0);
  EXPECT_EQ(error(), "no error");
}

TEST_F(WalletFile, ThatIsMissingOrNoFileIsNamed) {
  EXPECT_THAT(error(), HasSubstr("no such file"));
  fs::create_directory(file_);
  EXPECT_THAT(error(), HasSubstr("not a file"));
  fs::remove(file_);
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_THAT(error(), HasSubstr("not a file"));
}

TEST_F(WalletFile, MayHoldAnEd25519KeyWithoutItsSeed) {
  const auto wanted = Keypair::from_seed_hex(kSeed, Scheme::ed25519);
  // bittensor writes the seed as its privateKey; others write the public key behind it.
  for (const auto& digits :
       {std::string(kSeed), std::string(kSeed) + encode_hex(wanted->public_key())}) {
    write(fmt::format(R"({{"privateKey": "{}", "cryptoType": 0}})", digits));
    EXPECT_EQ(loaded_address(), wanted->address());
  }
}

TEST_F(WalletFile, MayBeABareSecret) {
  const auto seed = Keypair::from_seed_hex(kSeed)->address();
  const auto phrase = Keypair::from_mnemonic(kPhrase)->address();
  const std::string digits(kSeed.substr(2));
  const std::string alice =
      "33a6f3093f158a7109f679410bef1a0c54168145e0cecb4df006c1c2fffb1f09925a225d97aa00682d6a59b95b18"
      "7"
      "80c10d7032336e88f3442b42361f4a66011";
  for (const auto& [text, address] :
       {std::pair{digits, seed},
        {"0x" + digits + "\n", seed},
        {"  " + digits + " \r\n", seed},
        {std::string(kPhrase), phrase},
        {"\n" + std::string(kPhrase) + "\n", phrase},
        {alice, "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"}}) {
    write(text);
    EXPECT_EQ(loaded_address(), address) << text.substr(0, 4);
  }
}

TEST_F(WalletFile, TakesThePhraseBeforeTheSeedAndThatBeforeThePrivateKey) {
  const auto ones = "0x" + std::string(64, '1');
  write(fmt::format(R"({{"privateKey": "{0}", "secretSeed": "{0}", "secretPhrase": "{1}"}})", ones,
                    kPhrase));
  EXPECT_EQ(loaded_address(), Keypair::from_mnemonic(kPhrase)->address());
  write(
      fmt::format(R"({{"privateKey": "{}", "secretSeed": "{}", "secretPhrase": 7}})", ones, kSeed));
  EXPECT_EQ(loaded_address(), Keypair::from_seed_hex(kSeed)->address());
  write(fmt::format(R"({{"secretSeed": "{}", "secretSeed": "{}"}})", ones, kSeed));
  EXPECT_EQ(loaded_address(), Keypair::from_seed_hex(kSeed)->address()) << "the later one counts";
}

TEST_F(WalletFile, IsOfTheSchemeThatMakesItsAddress) {
  const auto sr25519 = Keypair::from_seed_hex(kSeed)->address();
  const auto ed25519 = Keypair::from_seed_hex(kSeed, Scheme::ed25519)->address();
  for (const auto& [type, address, wanted] : {std::tuple{"1", ed25519, ed25519},
                                              {"0", sr25519, sr25519},
                                              {"null", ed25519, ed25519},
                                              {"\"0\"", ed25519, ed25519},
                                              {"1.0", sr25519, sr25519},
                                              {"300", sr25519, sr25519}}) {
    write(fmt::format(R"({{"cryptoType": {}, " ss58Address": "{}", "secretSeed": "{}"}})", type,
                      address, kSeed));
    EXPECT_EQ(loaded_address(), wanted) << type;
  }
  write(fmt::format(R"({{"cryptoType": " 0 ", "secretSeed": "{}"}})", kSeed));
  EXPECT_EQ(loaded_address(), ed25519);
}

TEST_F(WalletFile, MayHaveMoreInIt) {
  write(fmt::format(
      R"({{"meta": {{"secretSeed": "0x{}", "deep": [1, {{}}]}}, "accountType": "x", "secretSeed": "{}"}})",
      std::string(64, '1'), kSeed));
  EXPECT_EQ(loaded_address(), Keypair::from_seed_hex(kSeed)->address());
}

TEST_F(WalletFile, MayBeginWithAByteOrderMark) {
  for (const auto& text : {fmt::format(R"({{"secretSeed": "{}"}})", kSeed), std::string(kSeed)}) {
    write("\xef\xbb\xbf" + text);
    EXPECT_EQ(loaded_address(), Keypair::from_seed_hex(kSeed)->address());
  }
}

TEST_F(WalletFile, WhosePublicKeyIsAnothersIsWarnedAbout) {
  for (const char* name : {"publicKey", "accountId"}) {
    write(
        fmt::format(R"({{"secretSeed": "{}", "{}": "0x{}"}})", kSeed, name, std::string(64, 'a')));
    const auto wallet = load_wallet(file_);
    ASSERT_TRUE(wallet) << wallet.error().message;
    EXPECT_THAT(wallet->warnings, ElementsAre(HasSubstr(name)));
  }
}

// The three forms were written by bittensor's packages; the interop tests try them with any.
constexpr std::string_view kVault =
    R"($ANSIBLE_VAULT;1.1;AES256
61643339353534316435373639666562306531303262393131613734656231323936356532316338
3835643263363066373135393861656138626563626531390a376634346530616563666133383463
61623838333365666335333861656136353539326430396264663465373561623833656366316364
3134613865336231340a613838363765386335633639616431303464346565373536656137646261
62613864323863383131373736333864393438653032363832616666663938653262366166646666
38343364376137373366326634326566653165386136653230343730396135613430346631313864
32626136613030333538633738316437646233663436623631636462623939366239646334653738
31306433636632353233306134376364326332346230343864663462303665313130313537366336
6263
)";
constexpr std::string_view kVaultPassword = "p\xc3\xa4 ss";

PasswordSource gives(std::string_view password) {
  return
      [password](const fs::path&) -> Result<SecretText> { return SecretText::copy_of(password); };
}

TEST_F(WalletFile, ThatIsEncryptedIsOpenedByItsPassword) {
  write(kVault);
  const auto wallet = load_wallet(file_, gives(kVaultPassword));
  ASSERT_TRUE(wallet) << wallet.error().message;
  EXPECT_EQ(wallet->keypair.public_key(), Keypair::from_seed_hex(kSeed)->public_key());
}

TEST_F(WalletFile, ThatIsEncryptedStaysShutToAnyOther) {
  write(kVault);
  EXPECT_THAT(load_wallet(file_, gives("")).error().message, HasSubstr("password is wrong"));
  EXPECT_THAT(load_wallet(file_, gives("p\xc3\xa4 sS")).error().message,
              HasSubstr("password is wrong"));
  const PasswordSource none = [](const fs::path& keyfile) -> Result<SecretText> {
    return fail("not for " + keyfile.string());
  };
  EXPECT_THAT(load_wallet(file_, none).error().message,
              HasSubstr("is encrypted ($ANSIBLE_VAULT): not for " + file_.string()));
}

TEST_F(WalletFile, ThatIsEncryptedAndDamagedIsRefused) {
  for (std::size_t size = 14; size < kVault.size(); size += 23) {
    write(kVault.substr(0, size));
    EXPECT_FALSE(load_wallet(file_, gives(kVaultPassword))) << size;
  }
  for (const char* text : {"$NACL", "$NACLabcdef", "$ANSIBLE_VAULT", "$ANSIBLE_VAULT;1.1;AES256\n",
                           "$ANSIBLE_VAULT;1.1;AES256\n310a320a33", "gAAAAA", "gAAAAABlabc!"}) {
    write(text);
    EXPECT_THAT(load_wallet(file_, gives("x")).error().message, HasSubstr("damaged")) << text;
  }
}

TEST_F(WalletFile, ThatIsEncryptedIsNamedByItsForm) {
  EXPECT_THAT(error_of("$NACLabcdef"), HasSubstr("encrypted ($NACL)"));
  EXPECT_THAT(error_of("$ANSIBLE_VAULT;1.1;AES256"), HasSubstr("encrypted ($ANSIBLE_VAULT)"));
  EXPECT_THAT(error_of("gAAAAABlabcdef"), HasSubstr("encrypted (Fernet)"));
}

TEST_F(WalletFile, ThatIsNoHotkeyFileIsNamed) {
  EXPECT_THAT(error_of(""), HasSubstr("JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("JSON"));
  EXPECT_THAT(error_of("precious"), HasSubstr("JSON"));
  EXPECT_THAT(error_of(fmt::format("\"{}\"", kSeed)), HasSubstr("JSON"));
  EXPECT_THAT(error_of(R"({"secretSeed": "0x33)"), HasSubstr("JSON"));
  EXPECT_THAT(error_of(std::string("{}\0 ", 4)), HasSubstr("JSON"));
  EXPECT_THAT(error_of(fmt::format(R"({{"secretSeed": "{}"}} x)", kSeed)), HasSubstr("JSON"));
  EXPECT_THAT(error_of("{}"), HasSubstr("public key alone"));
  EXPECT_THAT(error_of(R"({"ss58Address": "x", "publicKey": "y"})"), HasSubstr("public key alone"));
  EXPECT_THAT(error_of(R"({"encoded": "x", "encoding": {}})"), HasSubstr("polkadot.js"));
  EXPECT_THAT(error_of(R"({"secretSeed": 3333})"), HasSubstr("secretSeed has a wrong value"));
  EXPECT_THAT(error_of(R"({"secretSeed": "0x3333"})"), HasSubstr("64 hex digits"));
  EXPECT_THAT(error_of(R"({"secretPhrase": "legal winner"})"), HasSubstr("this has 2"));
  EXPECT_THAT(error_of(fmt::format(R"({{"secretSeed": "{}", "cryptoType": 2}})", kSeed)),
              HasSubstr("cryptoType"));
  EXPECT_THAT(error_of(std::string(100'000, ' ')), HasSubstr("too large"));
}

TEST_F(WalletFile, WhoseAddressIsAnothersIsRefused) {
  const std::string alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
  EXPECT_THAT(error_of(fmt::format(R"({{"secretSeed": "{}", "ss58Address": "{}"}})", kSeed, alice)),
              HasSubstr("put together from two"));
  EXPECT_THAT(error_of(fmt::format(R"({{"secretSeed": "{}", "ss58Address": "x"}})", kSeed)),
              HasSubstr("put together from two"));
}

// ---- what is left in memory

/// A text as its complement, so that looking for it finds none of our own.
template <std::size_t N>
struct Hidden {
  consteval explicit Hidden(const char (&text)[N]) {
    for (std::size_t i = 0; i < N - 1; ++i) bytes[i] = static_cast<char>(~text[i]);
  }
  [[nodiscard]] char at(std::size_t i) const { return static_cast<char>(~bytes[i]); }
  static constexpr std::size_t kSize = N - 1;
  std::array<char, N - 1> bytes{};
};

template <std::size_t N>
bool stands_at(const char* place, const Hidden<N>& text) {
  for (std::size_t i = 0; i < text.kSize; ++i) {
    if (place[i] != text.at(i)) return false;
  }
  return true;
}

/// How often a text stands in what this process can write to.
template <std::size_t N>
std::size_t copies_of(const Hidden<N>& text) {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  char dash = 0;
  std::string mode;
  std::string rest;
  while (maps >> std::hex >> begin >> dash >> end >> mode && std::getline(maps, rest)) {
    if (!mode.starts_with("rw")) continue;
    const auto* const last = reinterpret_cast<const char*>(end) - text.kSize;
    for (const auto* place = reinterpret_cast<const char*>(begin); place <= last; ++place) {
      if (*place == text.at(0) && stands_at(place, text)) ++count;
    }
  }
  return count;
}

template <std::size_t N>
void write_hidden(const fs::path& file, const Hidden<N>& text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  for (std::size_t i = 0; i < text.kSize; ++i) {
    const char byte = text.at(i);
    ASSERT_EQ(::write(descriptor, &byte, 1), 1);
  }
  ::close(descriptor);
}

TEST_F(WalletFile, LeavesNoSecretInMemory) {
  if constexpr (dojo::test::kSanitized)
    GTEST_SKIP() << "the sanitizers map more than can be looked through";
  constexpr Hidden kDigits("6fc1b0a4e2d97385115e0d4c7a8b29f3c6e0914d7f52ab3886b1d0e9f4a7c352");
  constexpr Hidden kJson(
      R"({"publicKey": null, "privateKey": null, "secretPhrase": null, "secretSeed": "0x6fc1b0a4e2d97385115e0d4c7a8b29f3c6e0914d7f52ab3886b1d0e9f4a7c352"})");
  write_hidden(file_, kJson);
  const auto wallet = load_wallet(file_);
  ASSERT_TRUE(wallet) << wallet.error().message;
  EXPECT_EQ(copies_of(kDigits), 0U);

  write_hidden(file_, kDigits);
  EXPECT_TRUE(load_wallet(file_));
  EXPECT_EQ(copies_of(kDigits), 0U);

  constexpr Hidden kWords("mango jacket story twice zero damage general satoshi drive");
  constexpr Hidden kPhraseFile(
      R"({"secretPhrase": "mango jacket story twice zero damage general satoshi drive sudden section electric"})");
  write_hidden(file_, kPhraseFile);
  EXPECT_TRUE(load_wallet(file_));
  EXPECT_EQ(copies_of(kWords), 0U);

  // Looking finds what there is.
  std::string copy;
  for (std::size_t i = 0; i < kDigits.kSize; ++i) copy += kDigits.at(i);
  EXPECT_GE(copies_of(kDigits), 1U);
}

TEST_F(WalletFile, MayCarryAnAddressOfAnotherPrefix) {
  const auto keypair = Keypair::from_seed_hex(kSeed);
  write(fmt::format(R"({{"secretSeed": "{}", "ss58Address": "{}"}})", kSeed, keypair->address(0)));
  EXPECT_TRUE(load_wallet(file_));
}

TEST_F(WalletFile, ThatWasCreatedIsLoadedAgain) {
  const auto created = create_wallet(file_);
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(mode_of(file_), 0600U);
  const auto loaded = load_wallet(file_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->keypair.public_key(), created->keypair.public_key());
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

TEST_F(WalletFile, ThatWasCreatedHasTheShapeThatBittensorWalletReads) {
  const auto created = create_wallet(file_, std::string(kPhrase));
  ASSERT_TRUE(created) << created.error().message;
  const std::string key = "0x" + encode_hex(created->keypair.public_key());
  simdjson::dom::parser parser;
  const test::Vector json(parser.parse(read()));
  EXPECT_EQ(json.text("accountId"), key);
  EXPECT_EQ(json.text("publicKey"), key);
  EXPECT_EQ(json.text("secretPhrase"), kPhrase);
  EXPECT_EQ(json.text("ss58Address"), created->keypair.address());
  EXPECT_EQ(Keypair::from_seed_hex(json.text("secretSeed"))->address(), created->keypair.address());
  EXPECT_FALSE(json.has("privateKey"));
}

TEST_F(WalletFile, IsCreatedFromAPhraseOnSeveralLines) {
  std::string phrase(kPhrase);
  std::ranges::replace(phrase, ' ', '\n');
  ASSERT_TRUE(create_wallet(file_, phrase));
  EXPECT_EQ(loaded_address(), Keypair::from_mnemonic(kPhrase)->address());
}

TEST_F(WalletFile, IsNeverOverwritten) {
  write("precious");
  const auto created = create_wallet(file_);
  ASSERT_FALSE(created);
  EXPECT_THAT(created.error().message, HasSubstr("never overwritten"));
  EXPECT_EQ(read(), "precious");
}

TEST_F(WalletFile, IsNotWrittenThroughADanglingLink) {
  fs::create_symlink(folder_ / "elsewhere", file_);
  EXPECT_FALSE(create_wallet(file_));
  EXPECT_FALSE(fs::exists(folder_ / "elsewhere"));
}

TEST_F(WalletFile, IsNotCreatedFromAWrongMnemonic) {
  EXPECT_FALSE(create_wallet(file_, "legal winner"));
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(WalletFile, LeavesNothingElseBehind) {
  ASSERT_TRUE(create_wallet(file_));
  EXPECT_FALSE(create_wallet(file_));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(WalletFile, GetsItsFoldersMadeForItsOwnerAlone) {
  const fs::path deep = folder_ / "miner" / "hotkeys" / "default";
  ASSERT_TRUE(create_wallet(deep));
  EXPECT_EQ(mode_of(folder_ / "miner"), 0700U);
  EXPECT_EQ(mode_of(folder_ / "miner" / "hotkeys"), 0700U);
}

TEST_F(WalletFile, BelowTheHomeFolderIsFound) {
  const char* const before = std::getenv("HOME");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("HOME", folder_.c_str(), 1);
  EXPECT_TRUE(create_wallet("~/hotkey"));
  EXPECT_TRUE(load_wallet("~/hotkey"));
  EXPECT_TRUE(fs::exists(file_));
  ::setenv("HOME", kept.c_str(), 1);
}

}  // namespace
}  // namespace dojo::wire
