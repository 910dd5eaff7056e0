// Does what lines on its standard input ask, one answer line each, so that other implementations
// can be held against dojo::wire. Byte strings are hex; `-` is the empty one. An answer that begins
// with `error ` says what went wrong.
//
//   public SEED                  the public key
//   address SEED                 the SS58 address
//   sign SEED MESSAGE            a signature
//   verify PUBLIC MESSAGE SIGNATURE   true or false
//   mnemonic WORD…               the public key of a mnemonic
//   wallet-create FILE           writes a hotkey file: its address
//   wallet-show FILE             its address, public key and number of warnings
//   bench COUNT SIZE             microseconds of processor time for one signature and for one check
//   of it, over SIZE bytes
#include <ctime>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <dojo/wire/keypair.hpp>
#include <dojo/wire/password.hpp>
#include <dojo/wire/wallet.hpp>

namespace {

using namespace dojo::wire;
using Words = std::vector<std::string>;

std::string to_hex(std::span<const std::uint8_t> bytes) {
  std::string digits;
  for (const auto byte : bytes) digits += fmt::format("{:02x}", byte);
  return digits;
}

int value_of(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  throw std::invalid_argument("not lower-case hex");
}

std::string from_hex(const std::string& digits) {
  if (digits == "-") return {};
  if (digits.size() % 2 != 0) throw std::invalid_argument("half a byte");
  std::string bytes;
  bytes.reserve(digits.size() / 2);
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes += static_cast<char>(value_of(digits[i]) * 16 + value_of(digits[i + 1]));
  }
  return bytes;
}

PublicKey to_key(const std::string& digits) {
  const std::string bytes = from_hex(digits);
  PublicKey key{};
  if (bytes.size() != key.size()) throw std::invalid_argument("a public key has 32 bytes");
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

template <class T>
T unwrap(dojo::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

/// Processor time, so that a busy machine does not count.
double microseconds_each(int count, const std::function<void()>& action) {
  const std::clock_t begin = std::clock();
  for (int i = 0; i < count; ++i) action();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC * 1e6 / count;
}

std::string bench(int count, std::size_t size) {
  const Keypair keypair = Keypair::generate();
  const std::string message(size, 'm');
  SignatureBytes signature{};
  const double sign = microseconds_each(count, [&] { signature = keypair.sign(message); });
  bool good = true;
  const double check = microseconds_each(
      count, [&] { good = verify(keypair.public_key(), message, signature) && good; });
  if (!good) throw std::runtime_error("a signature was not accepted");
  return fmt::format("{:.2f} {:.2f}", sign, check);
}

/// @param password_file empty: none
std::string show_wallet(const std::string& file, const std::string& password_file) {
  const Wallet wallet = unwrap(load_wallet(file, password_from(password_file)));
  return fmt::format("{} {} {}", wallet.keypair.address(), to_hex(wallet.keypair.public_key()),
                     wallet.warnings.size());
}

std::string join(const Words& words) {
  return fmt::format("{}", fmt::join(words.begin() + 1, words.end(), " "));
}

struct Command {
  std::size_t arguments;  ///< at least
  std::function<std::string(const Words&)> answer;
};

const std::map<std::string, Command>& commands() {
  static const std::map<std::string, Command> kCommands = {
      {"public",
       {1,
        [](const Words& w) { return to_hex(unwrap(Keypair::from_seed_hex(w[1])).public_key()); }}},
      {"address",
       {1, [](const Words& w) { return unwrap(Keypair::from_seed_hex(w[1])).address(); }}},
      {"sign",
       {2,
        [](const Words& w) {
          return to_hex(unwrap(Keypair::from_seed_hex(w[1])).sign(from_hex(w[2])));
        }}},
      {"verify",
       {3,
        [](const Words& w) {
          const auto signature = unwrap(parse_signature("0x" + w[3]));
          return std::string(verify(to_key(w[1]), from_hex(w[2]), signature) ? "true" : "false");
        }}},
      {"mnemonic",
       {12,
        [](const Words& w) {
          return to_hex(unwrap(Keypair::from_mnemonic(join(w))).public_key());
        }}},
      {"wallet-create",
       {1, [](const Words& w) { return unwrap(create_wallet(w[1])).keypair.address(); }}},
      {"wallet-show",
       {1, [](const Words& w) { return show_wallet(w[1], w.size() > 2 ? w[2] : ""); }}},
      {"bench", {2, [](const Words& w) { return bench(std::stoi(w[1]), std::stoul(w[2])); }}},
  };
  return kCommands;
}

std::string answer(const std::string& line) {
  std::istringstream stream(line);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  if (words.empty()) return "error: no command";
  const auto command = commands().find(words[0]);
  if (command == commands().end() || words.size() <= command->second.arguments) {
    return fmt::format("error: no command '{}' with so many arguments", words[0]);
  }
  try {
    return command->second.answer(words);
  } catch (const std::exception& error) {
    return fmt::format("error: {}", error.what());
  }
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(line) << std::endl;
}
