#include "mnemonic.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <dojo/wire/keypair.hpp>

namespace dojo::wire {
namespace {

constexpr std::array<std::string_view, 2048> kWords = {
#include "bip39_english.inc"
};

constexpr std::size_t kBitsPerWord = 11;
constexpr std::size_t kMaxWords = 24;
constexpr std::size_t kMaxEntropy = 32;  ///< bytes
constexpr std::string_view kSpace = " \t\r\n";

/// Entropy and the checksum byte behind it.
using Bits = Wiped<kMaxEntropy + 1>;

/// The first byte of SHA-256: its upper `bytes / 4` bits are the checksum of so many bytes of
/// entropy.
std::uint8_t checksum_byte(std::span<const std::uint8_t> entropy) {
  Wiped<crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), entropy.data(), entropy.size());
  return hash.span()[0];
}

/// The words of a phrase, without copying them. Stops behind the first that is too many.
struct Words {
  std::array<std::string_view, kMaxWords + 1> word{};
  std::size_t count = 0;
};

Words split(std::string_view phrase) {
  Words words;
  while (words.count < words.word.size()) {
    const auto begin = phrase.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) break;
    phrase.remove_prefix(begin);
    const auto end = std::min(phrase.find_first_of(kSpace), phrase.size());
    words.word[words.count++] = phrase.substr(0, end);
    phrase.remove_prefix(end);
  }
  return words;
}

/// Writes the words' bits. @return the place of the first word that is not in the list, if there is
/// one.
std::optional<std::size_t> write_bits(const Words& words, Bits& bits) {
  for (std::size_t place = 0; place < words.count; ++place) {
    const auto* const found = std::lower_bound(kWords.begin(), kWords.end(), words.word[place]);
    if (found == kWords.end() || *found != words.word[place]) return place;
    const auto index = static_cast<std::size_t>(found - kWords.begin());
    for (std::size_t i = 0; i < kBitsPerWord; ++i) {
      const std::size_t bit = place * kBitsPerWord + i;
      const std::size_t value = (index >> (kBitsPerWord - 1 - i)) & 1U;
      bits.data()[bit / 8] |= static_cast<std::uint8_t>(value << (7 - bit % 8));
    }
  }
  return std::nullopt;
}

Wiped<32> stretch(std::span<const std::uint8_t> entropy, std::string_view password) {
  constexpr int kRounds = 2048;
  std::string salt = "mnemonic";
  salt.reserve(salt.size() + password.size());
  salt += password;
  Wiped<64> derived;
  const int done = PKCS5_PBKDF2_HMAC(
      reinterpret_cast<const char*>(entropy.data()), static_cast<int>(entropy.size()),
      reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()), kRounds,
      EVP_sha512(), static_cast<int>(derived.span().size()), derived.data());
  wipe(salt);
  if (done != 1) throw std::runtime_error("libcrypto refuses PBKDF2-HMAC-SHA512");
  Wiped<32> seed;
  std::ranges::copy(derived.span().first<32>(), seed.data());
  return seed;
}

}  // namespace

std::string mnemonic_from_entropy(std::span<const std::uint8_t> entropy) {
  Bits bits;
  std::ranges::copy(entropy, bits.data());
  bits.data()[entropy.size()] = checksum_byte(entropy);
  const std::size_t count = entropy.size() * 3 / 4;
  std::string phrase;
  phrase.reserve(count * 9);  // the longest word has 8 letters: no copies are left behind by growth
  for (std::size_t place = 0; place < count; ++place) {
    std::size_t index = 0;
    for (std::size_t i = 0; i < kBitsPerWord; ++i) {
      const std::size_t bit = place * kBitsPerWord + i;
      index = index << 1 | ((unsigned{bits.data()[bit / 8]} >> (7 - bit % 8)) & 1U);
    }
    if (place > 0) phrase += ' ';
    phrase += kWords[index];
  }
  return phrase;
}

Result<Wiped<32>> seed_from_mnemonic(std::string_view phrase, std::string_view password) {
  constexpr std::size_t kMaxPassword = 4096;
  if (phrase.find('/') != std::string_view::npos) {
    return fail(
        "derivation paths (//hard, /soft, ///password) are not supported: give the "
        "mnemonic's words alone, or the derived key's seed");
  }
  if (password.size() > kMaxPassword) {
    return fail(fmt::format("the mnemonic's password has over {} bytes", kMaxPassword));
  }
  const Words words = split(phrase);
  if (words.count < 12 || words.count > kMaxWords || words.count % 3 != 0) {
    return fail(fmt::format("a mnemonic has 12, 15, 18, 21 or 24 words; this has {}{}",
                            words.count > kMaxWords ? "more than " : "",
                            std::min(words.count, kMaxWords)));
  }
  Bits bits;
  if (const auto unknown = write_bits(words, bits)) {
    return fail(fmt::format(
        "word {} of the mnemonic is not in the English BIP-39 list (lower case)", *unknown + 1));
  }
  const std::size_t size = words.count * 4 / 3;
  const auto entropy = bits.span().first(size);
  const auto unused = static_cast<unsigned>(8 - size / 4);
  if (((checksum_byte(entropy) ^ bits.data()[size]) >> unused) != 0) {
    return fail("the mnemonic's checksum is wrong: a word is mistyped or out of its place");
  }
  return stretch(entropy, password);
}

std::string generate_mnemonic() {
  require_sodium();
  Wiped<16> entropy;
  randombytes_buf(entropy.data(), entropy.span().size());
  return mnemonic_from_entropy(entropy.span());
}

}  // namespace dojo::wire
