#include "keyfile.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <rapidjson/reader.h>

#include <dojo/wire/ss58.hpp>

#include "hex.hpp"

namespace dojo::wire {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kSeedDigits = 64;
constexpr std::size_t kPrivateKeyDigits = 128;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// ---- JSON

/// One member of the object. Views are of the file's own memory.
struct Member {
  bool there = false;
  bool is_text = false;
  bool is_null = false;
  std::string_view text{};                ///< a string's
  std::optional<std::uint64_t> number{};  ///< one without sign, point or exponent
};

struct Members {
  Member phrase, seed, private_key, address, spaced_address, public_key, account_id, scheme,
      encoded;

  Member* find(std::string_view name) {
    if (name == "secretPhrase") return &phrase;
    if (name == "secretSeed") return &seed;
    if (name == "privateKey") return &private_key;
    if (name == "ss58Address") return &address;
    if (name == " ss58Address") return &spaced_address;  // an old version's slip
    if (name == "publicKey") return &public_key;
    if (name == "accountId") return &account_id;
    if (name == "cryptoType") return &scheme;
    if (name == "encoded") return &encoded;
    return nullptr;
  }
};

/// Takes the members of the outermost object; the last one of a name counts.
class Reader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Reader> {
 public:
  explicit Reader(Members& members) : members_(members) {}

  // NOLINTBEGIN(readability-identifier-naming): the names that RapidJSON calls
  bool Default() { return take({.there = true}); }
  bool Null() { return take({.there = true, .is_null = true}); }
  bool Uint(unsigned value) { return take({.there = true, .number = value}); }
  bool Uint64(std::uint64_t value) { return take({.there = true, .number = value}); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return take({.there = true, .is_text = true, .text = {text, size}});
  }
  bool Key(const char* name, rapidjson::SizeType size, bool) {
    if (depth_ == 1) member_ = members_.find({name, size});
    return true;
  }
  bool StartObject() { return begin(); }
  bool EndObject(rapidjson::SizeType) { return end(); }
  bool StartArray() { return depth_ > 0 && begin(); }
  bool EndArray(rapidjson::SizeType) { return end(); }
  // NOLINTEND(readability-identifier-naming)

 private:
  bool begin() {
    if (depth_ == 1) take({.there = true});
    ++depth_;
    return true;
  }
  bool end() {
    --depth_;
    return true;
  }
  bool take(const Member& value) {
    if (depth_ == 1 && member_ != nullptr) *member_ = value;
    return depth_ > 0;  // the whole is an object
  }

  Members& members_;
  Member* member_ = nullptr;
  int depth_ = 0;
};

bool read_members(SecretText& text, Members& members) {
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                              rapidjson::kParseValidateEncodingFlag;
  if (text.view().find('\0') != std::string_view::npos) return false;  // where the reader would end
  rapidjson::InsituStringStream in(text.data());
  rapidjson::Reader reader;
  Reader handler(members);
  return !reader.Parse<kFlags>(in, handler).IsError();
}

// ---- the key

/// What Substrate takes a secret's hex for: a seed, or a private key.
Result<Keypair> from_digits(std::string_view digits, Scheme scheme, bool is_private_key) {
  while (digits.starts_with("0x")) digits.remove_prefix(2);
  if (digits.size() == kPrivateKeyDigits) {
    if (scheme == Scheme::sr25519) return Keypair::from_private_key_hex(digits);
    if (is_private_key) digits = digits.substr(0, kSeedDigits);  // the public key stands behind it
  }
  return Keypair::from_seed_hex(digits, scheme);
}

using Make = std::function<Result<Keypair>(Scheme)>;

/// A number, or one in quotes. @return nothing for a scheme that signs no requests
std::optional<Scheme> scheme_of(const Member& member) {
  auto number = member.number;
  if (member.is_text) {
    const auto digits = trimmed(member.text);
    std::uint8_t value = 0;
    const auto* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (!digits.empty() && error == std::errc() && stop == end) number = value;
  }
  // What is no type at all says nothing.
  if (!number || *number > 255) return Scheme::sr25519;
  if (*number > 1) return std::nullopt;
  return static_cast<Scheme>(*number);
}

Result<Keypair> of_address(const Member& member, Scheme scheme, const Make& make) {
  auto keypair = make(scheme);
  if (!keypair || !member.is_text) return keypair;
  const auto address = decode_ss58(member.text);
  const auto fits = [&](const Result<Keypair>& one) {
    return one && address && address->key == one->public_key();
  };
  if (fits(keypair)) return keypair;
  auto other = make(scheme == Scheme::sr25519 ? Scheme::ed25519 : Scheme::sr25519);
  if (fits(other)) return other;
  return fail(
      fmt::format("its ss58Address is not its secret's, which is {}; the file is damaged "
                  "or was put together from two",
                  keypair->address()));
}

std::optional<Make> secret_of(const Members& members) {
  if (members.phrase.is_text) {
    return [phrase = members.phrase.text](Scheme scheme) {
      return Keypair::from_mnemonic(phrase, {}, scheme);
    };
  }
  for (const auto* member : {&members.seed, &members.private_key}) {
    if (!member->is_text) continue;
    return [digits = member->text, is_private_key = member == &members.private_key](Scheme scheme) {
      return from_digits(digits, scheme, is_private_key);
    };
  }
  return std::nullopt;
}

Unexpected<Error> no_secret(const Members& members) {
  if (members.encoded.there) {
    return fail(
        "is a polkadot.js export and no hotkey file; import it with `btcli wallet regen-hotkey "
        "--json-path`");
  }
  for (const auto& [member, name] :
       {std::pair{&members.phrase, "secretPhrase"}, std::pair{&members.seed, "secretSeed"},
        std::pair{&members.private_key, "privateKey"}}) {
    if (member->there && !member->is_null) {
      return fail(fmt::format("its field {} has a wrong value", name));
    }
  }
  return fail(
      "holds a public key alone (it may be a ...pub.txt file); name the file with the secret");
}

/// bittensor looks at neither: so they do not keep the key from being loaded.
void note(const char* name, const Member& member, Keyfile& keyfile) {
  if (!member.is_text) return;
  auto digits = member.text;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  PublicKey key{};
  if (decode_hex(digits, key) && key == keyfile.keypair.public_key()) return;
  keyfile.oddities.push_back(fmt::format("its {} is not its secret's, which is 0x{}", name,
                                         encode_hex(keyfile.keypair.public_key())));
}

Result<Keyfile> of_members(const Members& members) {
  const auto scheme = scheme_of(members.scheme);
  if (!scheme) {
    return fail(
        "its cryptoType is neither 0 (ed25519) nor 1 (sr25519): no key that signs requests");
  }
  const auto make = secret_of(members);
  if (!make) return no_secret(members);
  auto keypair =
      of_address(members.address.there ? members.address : members.spaced_address, *scheme, *make);
  if (!keypair) return Unexpected(keypair.error());
  Keyfile keyfile{std::move(*keypair), {}};
  note("publicKey", members.public_key, keyfile);
  note("accountId", members.account_id, keyfile);
  return keyfile;
}

// ---- files without JSON

bool is_hex_secret(std::string_view text) {
  return (text.size() == kSeedDigits || text.size() == kPrivateKeyDigits) &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool looks_like_mnemonic(std::string_view text) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  std::size_t words = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_letter(text[i])) {
      if (kSpace.find(text[i]) == std::string_view::npos) return false;
    } else if (i == 0 || !is_letter(text[i - 1])) {
      ++words;
    }
  }
  return words >= 12 && words <= 24 && words % 3 == 0;
}

std::optional<Result<Keypair>> of_bare_text(std::string_view text) {
  auto digits = text;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  if (is_hex_secret(digits)) return from_digits(digits, Scheme::sr25519, false);
  if (looks_like_mnemonic(text)) return Keypair::from_mnemonic(text);
  return std::nullopt;
}

}  // namespace

Result<Keyfile> parse_keyfile(SecretText& text) {
  if (auto bare = of_bare_text(trimmed(text.view()))) {
    if (!*bare) return Unexpected(bare->error());
    return Keyfile{std::move(**bare), {}};
  }
  Members members;
  if (text.empty() || !read_members(text, members)) {
    return fail(
        "is neither a JSON object, which hotkey files are, nor a seed's hex digits or a mnemonic");
  }
  return of_members(members);
}

}  // namespace dojo::wire
