// The dialect btauth/1, which Bittensor's SDK speaks since its version 11: what its headers state,
// and the text that is signed. Source: the package `bittensor` 11.3, bittensor/http_auth.py, and
// https://www.bittensor.com/docs/guides/signed-requests. docs/wire.md says what is stricter here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <dojo/result.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::wire {

/// What `x-bittensor-version` says.
inline constexpr std::string_view kBtauthVersion = "1";

/// All that a request states with its signature, but the body.
struct BtauthStatement {
  Scheme scheme = Scheme::sr25519;  ///< as declared; the signature counts in no other
  std::string method;               ///< as in the request line; it is signed in capitals
  std::string target;               ///< as in the request line: percent-encoded, with its query
  std::uint64_t nonce = 0;          ///< unix time in nanoseconds, used once by a hotkey
  std::string sender;               ///< the caller's address
  PublicKey key{};                  ///< its key
  /// The receiver's address, as it was sent: only the very text of a host's own address is for that
  /// host. Nothing: for any.
  std::optional<std::string> receiver{};
};

/// The headers' values, as they came.
struct BtauthHeaders {
  std::string_view version;
  std::string_view hotkey;
  std::string_view nonce;
  std::optional<std::string_view> receiver{};
  std::optional<std::string_view> crypto{};  ///< nothing: sr25519
};

/// Reads the headers. A nonce above 2^64 − 1 is read as that: it is of no time that is near ours.
/// @param method and @param target as in the request line
/// @return an error (Code::malformed) that names the first header that is wrong: the version is not
/// 1, the hotkey no address of prefix 42, the nonce not 1 to 20 decimal digits, the scheme neither
/// `sr25519` nor `ed25519`. The receiver is not looked at. Any thread.
Result<BtauthStatement> parse_btauth(std::string_view method, std::string_view target,
                                     const BtauthHeaders& headers);

/// Reads `x-bittensor-signature`: `0x` and 128 hex digits, and nothing else.
/// @return an error (Code::malformed) otherwise. Any thread.
Result<SignatureBytes> parse_btauth_signature(std::string_view text);

/// The text that is signed: eight lines joined by line feeds, none behind the last.
/// @param body sha256_of_body() of the body as it is sent
std::string format_btauth(const BtauthStatement& statement, const BodyHash& body);

/// The time now in nanoseconds, and later than any that this process was given before: no hotkey
/// may use one twice. Any thread.
std::uint64_t make_btauth_nonce();

}  // namespace dojo::wire
