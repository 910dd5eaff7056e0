#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <dojo/wire/wallet.hpp>

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
  for (const mode_t mode : {0640U, 0604U, 0700U, 0666U}) {
    write(fmt::format(R"({{"secretSeed": "{}"}})", kSeed), mode);
    const auto wallet = load_wallet(file_);
    ASSERT_TRUE(wallet);
    EXPECT_THAT(wallet->warnings, ElementsAre(HasSubstr("chmod 600"))) << mode;
  }
  ASSERT_EQ(::chmod(file_.c_str(), 0400), 0);
  EXPECT_THAT(load_wallet(file_)->warnings, IsEmpty());
}

TEST_F(WalletFile, ThatIsMissingOrNoFileIsNamed) {
  EXPECT_THAT(error(), HasSubstr("no such file"));
  fs::create_directory(file_);
  EXPECT_THAT(error(), HasSubstr("not a file"));
  fs::remove(file_);
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_THAT(error(), HasSubstr("not a file"));
}

TEST_F(WalletFile, ThatIsEncryptedIsNamedByItsForm) {
  EXPECT_THAT(error_of("$NACLabcdef"), HasSubstr("encrypted ($NACL)"));
  EXPECT_THAT(error_of("$ANSIBLE_VAULT;1.1;AES256"), HasSubstr("encrypted ($ANSIBLE_VAULT)"));
  EXPECT_THAT(error_of("gAAAAABlabcdef"), HasSubstr("encrypted (Fernet)"));
}

TEST_F(WalletFile, ThatIsNoHotkeyFileIsNamed) {
  EXPECT_THAT(error_of(""), HasSubstr("JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("JSON"));
  EXPECT_THAT(error_of(R"({"secretSeed": "0x33)"), HasSubstr("JSON"));
  EXPECT_THAT(error_of("{}"), HasSubstr("public key alone"));
  EXPECT_THAT(error_of(R"({"ss58Address": "x", "publicKey": "y"})"), HasSubstr("public key alone"));
  EXPECT_THAT(error_of(R"({"secretSeed": 3333})"), HasSubstr("secretSeed has a wrong value"));
  EXPECT_THAT(error_of(R"({"secretSeed": "0x3333"})"), HasSubstr("64 hex digits"));
  EXPECT_THAT(error_of(R"({"secretPhrase": "legal winner"})"), HasSubstr("this has 2"));
  EXPECT_THAT(error_of(fmt::format(R"({{"secretSeed": "{}", "cryptoType": 2}})", kSeed)),
              HasSubstr("cryptoType"));
  EXPECT_THAT(error_of(std::string(100'000, ' ')), HasSubstr("too large"));
}

TEST_F(WalletFile, WhoseHalvesDisagreeIsRefused) {
  const std::string alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
  EXPECT_THAT(error_of(fmt::format(R"({{"secretSeed": "{}", "ss58Address": "{}"}})", kSeed, alice)),
              HasSubstr("put together from two"));
  EXPECT_THAT(error_of(fmt::format(R"({{"secretSeed": "{}", "ss58Address": "x"}})", kSeed)),
              HasSubstr("put together from two"));
  EXPECT_THAT(error_of(fmt::format(R"({{"secretSeed": "{}", "publicKey": "0x{}"}})", kSeed,
                                   std::string(64, 'a'))),
              HasSubstr("put together from two"));
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
