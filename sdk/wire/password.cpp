#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <dojo/wire/password.hpp>

#include "process/trust.hpp"
#include "secret.hpp"

namespace dojo::wire {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongest = 4096;  // bytes

Result<SecretText> from_file(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return fail(
        fmt::format("password file {}: {}", file.string(), std::generic_category().message(errno)));
  }
  auto text = read_secret(descriptor, kLongest);
  struct stat found{};
  if (text && ::fstat(descriptor, &found) == 0) {
    const auto fault = process::who_else_writes_file(found, file, process::its_reader(found));
    if (!fault.empty()) text = fail(fault);
  }
  ::close(descriptor);
  if (!text) return fail(fmt::format("password file {}: {}", file.string(), text.error().message));
  text->trim();
  if (text->empty()) return fail(fmt::format("password file {} is empty", file.string()));
  return text;
}

// ---- the environment

/// As both packages name it (bittensor 11.3, keyfiles.py: Keyfile.env_var_name).
std::string variable_of(const fs::path& keyfile) {
  std::string name = "BT_PW_" + fs::absolute(keyfile).lexically_normal().string();
  for (char& c : name) {
    if (c == '/' || c == '.') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

void forget(const std::string& name, char* value) {
  sodium_memzero(value, std::string_view(value).size());
  ::unsetenv(name.c_str());
}

Result<SecretText> from_variable(const std::string& name) {
  char* const value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return SecretText();
  auto text = SecretText::copy_of(value);
  forget(name, value);
  return text;
}

/// Base64 of the password XOR the variable's name (bittensor-wallet 4.1, src/keyfile.rs).
Result<SecretText> from_hidden_variable(const std::string& name) {
  auto hidden = from_variable(name);
  if (!hidden || hidden->empty()) return hidden;
  hidden->trim();
  SecretText text(hidden->view().size());
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(text.data()), text.room(),
                        hidden->view().data(), hidden->view().size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0) {
    return fail(fmt::format("{} is not what save_password_to_env() writes", name));
  }
  for (std::size_t i = 0; i < size; ++i) {
    text.data()[i] = static_cast<char>(text.data()[i] ^ name[i % name.size()]);
  }
  text.resize(size);
  return text;
}

// ---- the terminal

/// Keys come one by one, unseen, Ctrl-C among them: so the terminal is always put right again.
class Unseen {
 public:
  Unseen() : set_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!set_) return;
    termios now = before_;
    now.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    set_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &now) == 0;
  }
  ~Unseen() {
    if (set_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

  [[nodiscard]] bool is_set() const { return set_; }

 private:
  termios before_{};
  bool set_ = false;
};

void say(std::string_view text) {
  static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

/// One character less, which in UTF-8 may be several bytes.
void drop_last(SecretText& text) {
  auto size = text.view().size();
  while (size > 0) {
    const auto byte = static_cast<unsigned char>(text.view()[--size]);
    if ((byte & 0xc0U) != 0x80U) break;
  }
  text.resize(size);
}

/// @return whether the line is at its end; an error if it was broken off
Result<bool> take_key(char key, SecretText& line) {
  constexpr char kInterrupt = 0x03;
  constexpr char kEnd = 0x04;
  constexpr char kBackspace = 0x08;
  constexpr char kDropLine = 0x15;
  constexpr char kDelete = 0x7f;
  switch (key) {
    case '\n':
    case '\r':
      return true;
    case kInterrupt:
    case kEnd:
      return fail("no password was given");
    case kBackspace:
    case kDelete:
      drop_last(line);
      return false;
    case kDropLine:
      line.resize(0);
      return false;
    default:
      if (!line.append({&key, 1})) return fail("the password is too long");
      return false;
  }
}

Result<SecretText> from_terminal(const fs::path& keyfile) {
  const Unseen unseen;
  if (!unseen.is_set()) return fail("the terminal cannot be made to hide the password");
  say(fmt::format("Password of {}: ", keyfile.string()));
  SecretText line(kLongest);
  SecretText key(1);
  Result<bool> done = false;
  while (done && !*done) {
    const auto count = ::read(STDIN_FILENO, key.data(), 1);
    if (count < 0 && errno == EINTR) continue;
    done = count == 1 ? take_key(*key.data(), line) : Result<bool>(fail("no password was given"));
  }
  say("\n");
  if (!done) return Unexpected(done.error());
  if (line.empty()) return fail("no password was given");
  return line;
}

Result<SecretText> find_password(const fs::path& file, const fs::path& keyfile) {
  if (!file.empty()) return from_file(file);
  const auto hidden = variable_of(keyfile);
  auto text = from_variable("DOJO_WALLET_PASSWORD");
  if (text && text->empty()) text = from_hidden_variable(hidden);
  if (text && text->empty()) text = from_variable("BT_WALLET_PASSWORD");
  if (!text || !text->empty()) return text;
  if (::isatty(STDIN_FILENO) == 1) return from_terminal(keyfile);
  return fail(
      fmt::format("give its password by a password file, by DOJO_WALLET_PASSWORD or {} in "
                  "the environment, or on a terminal",
                  hidden));
}

}  // namespace

PasswordSource password_from(fs::path file) {
  return [file = std::move(file)](const fs::path& keyfile) { return find_password(file, keyfile); };
}

}  // namespace dojo::wire
