#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dojo/wire/password.hpp>
#include <dojo/wire/secret_text.hpp>

namespace dojo::wire {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(SecretText, KeepsItsPlaceAndNeverGrows) {
  SecretText text(4);
  const char* const place = text.data();
  EXPECT_TRUE(text.append("abc"));
  EXPECT_FALSE(text.append("de"));
  EXPECT_TRUE(text.append("d"));
  EXPECT_EQ(text.view(), "abcd");
  EXPECT_EQ(text.data(), place);
  const SecretText other = std::move(text);
  EXPECT_EQ(other.view().data(), place);
}

TEST(SecretText, IsTrimmedAtBothEnds) {
  for (const auto& [from, to] : {std::pair{" a b\r\n", "a b"}, {"\n", ""}, {"", ""}, {"a", "a"}}) {
    auto text = SecretText::copy_of(from);
    text.trim();
    EXPECT_EQ(text.view(), to);
  }
}

class Secrets : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "dojo-secret-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    for (const auto* name : {"DOJO_WALLET_PASSWORD", "BT_WALLET_PASSWORD"}) ::unsetenv(name);
    // A source must not wait for whoever runs the tests.
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(nothing, STDIN_FILENO);
    ::close(nothing);
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] fs::path file(std::string_view text) const {
    std::ofstream(folder_ / "file", std::ios::binary) << text;
    return folder_ / "file";
  }

  [[nodiscard]] static Result<SecretText> read(const fs::path& path, std::size_t longest) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    auto text = read_secret(descriptor, longest);
    ::close(descriptor);
    return text;
  }

  /// The password for <folder>/a.key, or why there is none.
  [[nodiscard]] std::string password(const fs::path& from = {}) const {
    const auto text = password_from(from)(folder_ / "a.key");
    return text ? std::string(text->view()) : text.error().message;
  }

  fs::path folder_;
};

TEST_F(Secrets, AreReadToTheirEnd) {
  EXPECT_EQ(read(file("abc"), 3)->view(), "abc");
  EXPECT_EQ(read(file(""), 3)->view(), "");
  EXPECT_EQ(read(file("\xef\xbb\xbfz"), 4)->view(), "z");
  EXPECT_THAT(read(file("abcd"), 3).error().message, HasSubstr("over 3 bytes"));
  EXPECT_THAT(read(folder_, 3).error().message, HasSubstr("cannot be read"));
}

TEST_F(Secrets, EndWithTheirFileWhateverWasInterruptedBefore) {
  const auto name = file("abc");
  errno = EINTR;
  EXPECT_EQ(read(name, 3)->view(), "abc");
}

TEST_F(Secrets, ComeFromThePasswordFileFirst) {
  ::setenv("DOJO_WALLET_PASSWORD", "another", 1);
  EXPECT_EQ(password(file("\xef\xbb\xbf two words \r\n")), "two words");
  EXPECT_THAT(password(file(" \n")), HasSubstr("is empty"));
  EXPECT_THAT(password(folder_ / "none"), HasSubstr("No such file"));
}

TEST_F(Secrets, ComeFromTheEnvironmentAndAreGoneFromIt) {
  // What save_password_to_env("Pass w\u00f6rd1") of both packages leaves for /srv/keys/hot.key.
  ::setenv("BT_PW__SRV_KEYS_HOT_KEY", "EjUsI3conOUgMm4=", 1);
  EXPECT_EQ(password_from()("/srv/keys/hot.key")->view(), "Pass w\xc3\xb6rd1");
  EXPECT_EQ(std::getenv("BT_PW__SRV_KEYS_HOT_KEY"), nullptr);

  ::setenv("BT_WALLET_PASSWORD", "third", 1);
  ::setenv("DOJO_WALLET_PASSWORD", " first ", 1);
  const char* const place = std::getenv("DOJO_WALLET_PASSWORD");
  EXPECT_EQ(password(), " first ");
  EXPECT_STREQ(place, "");
  EXPECT_EQ(std::getenv("DOJO_WALLET_PASSWORD"), nullptr);
  EXPECT_EQ(password(), "third");
}

TEST_F(Secrets, AreNotWaitedForWithoutATerminal) {
  EXPECT_THAT(password(), HasSubstr("DOJO_WALLET_PASSWORD"));
  std::string name = folder_.string() + "/a.key";
  for (char& c : name) c = c == '/' || c == '.' ? '_' : static_cast<char>(std::toupper(c));
  EXPECT_THAT(password(), HasSubstr("BT_PW_" + name));
  ::setenv(("BT_PW_" + name).c_str(), "no base64", 1);
  EXPECT_THAT(password(), HasSubstr("save_password_to_env"));
}

/// What a terminal shows until its end, where `typed` is typed once a password is asked for.
std::string shown_on_terminal(int terminal, std::string_view typed) {
  std::string shown;
  std::array<char, 256> bytes{};
  for (bool asked = false;;) {
    const auto count = ::read(terminal, bytes.data(), bytes.size());
    if (count <= 0) return shown;  // an error, once nobody has it any more
    shown.append(bytes.data(), static_cast<std::size_t>(count));
    if (asked || !shown.ends_with(": ")) continue;
    asked = true;
    EXPECT_EQ(::write(terminal, typed.data(), typed.size()), std::ssize(typed));
  }
}

TEST_F(Secrets, AreTypedUnseenOnATerminal) {
  for (const auto& [typed, password] : {std::pair{"pw\n", "pw"},
                                        {"pw\r", "pw"},
                                        {"x\x15p\xc3\xa4\x7fq\x08w\n", "pw"},
                                        {"\x08\x7fpw\n", "pw"},
                                        {"\n", ""},
                                        {"p\x03", ""},
                                        {"p\x04", ""}}) {
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto given = password_from()("/a.key");
      ::_exit((given ? given->view() == password : *password == '\0') ? 0 : 1);
    }
    EXPECT_EQ(shown_on_terminal(terminal, typed), "Password of /a.key: \r\n");
    ::close(terminal);
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << testing::PrintToString(typed);
  }
}

}  // namespace
}  // namespace dojo::wire
