// BIP-39 mnemonics, English list, and the seed that Substrate derives from them.
// Sources: https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki,
// https://github.com/paritytech/substrate-bip39
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <dojo/result.hpp>

#include "secret.hpp"

namespace dojo::wire {

/// The words of 16, 20, 24, 28 or 32 bytes of entropy, single spaces between. The caller wipes the
/// text.
std::string mnemonic_from_entropy(std::span<const std::uint8_t> entropy);

/// The 32-byte seed of a mnemonic: PBKDF2 of its entropy, as Keypair::from_mnemonic describes.
/// @param phrase words with any white space between. @param password UTF-8, taken as it is (no
/// NFKD).
/// @return the seed, or what is wrong with the phrase, by the word's place: no secret is in the
/// text of an error.
Result<Wiped<32>> seed_from_mnemonic(std::string_view phrase, std::string_view password);

}  // namespace dojo::wire
