// The texts that are signed, by dialect: how a request proves who sent it. docs/wire.md describes
// them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <dojo/result.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::wire {

/// Header names, lower case.
inline constexpr std::string_view kHotkeyHeader = "x-hotkey";
inline constexpr std::string_view kMessageHeader = "x-message";
inline constexpr std::string_view kSignatureHeader = "x-signature";
inline constexpr std::string_view kCodeHeader = "x-dojo-code";
inline constexpr std::string_view kRequestIdHeader = "x-request-id";
inline constexpr std::string_view kEpistulaVersionHeader = "epistula-version";
inline constexpr std::string_view kEpistulaTimestampHeader = "epistula-timestamp";
inline constexpr std::string_view kEpistulaUuidHeader = "epistula-uuid";
inline constexpr std::string_view kEpistulaSignedByHeader = "epistula-signed-by";
inline constexpr std::string_view kEpistulaSignedForHeader = "epistula-signed-for";
inline constexpr std::string_view kEpistulaSignatureHeader = "epistula-request-signature";
inline constexpr std::string_view kBtauthVersionHeader = "x-bittensor-version";
inline constexpr std::string_view kBtauthHotkeyHeader = "x-bittensor-hotkey";
inline constexpr std::string_view kBtauthReceiverHeader = "x-bittensor-receiver";
inline constexpr std::string_view kBtauthNonceHeader = "x-bittensor-nonce";
inline constexpr std::string_view kBtauthCryptoHeader = "x-bittensor-crypto";
inline constexpr std::string_view kBtauthSignatureHeader = "x-bittensor-signature";

enum class Dialect : std::uint8_t {
  legacy,     ///< what the Python client signs: a text that names the hotkey, bound to nothing else
  dojo1,      ///< "dojo/1": bound to method, path, receiver, time, nonce and body
  epistula2,  ///< "epistula/2": bound to receiver (if it names one), time, uuid and body
  btauth1,    ///< "btauth/1": bound to method, target, receiver (if it names one), time and body
};
inline constexpr std::array kDialects{Dialect::legacy, Dialect::dojo1, Dialect::epistula2,
                                      Dialect::btauth1};

/// "legacy", "dojo/1", "epistula/2" or "btauth/1".
std::string_view to_string(Dialect dialect);
std::optional<Dialect> parse_dialect(std::string_view name);

/// The dialect that an `x-message` is written in: dojo/1 if it begins with `dojo/1 `, else legacy.
/// A message that begins so and does not parse is malformed dojo/1, never legacy.
Dialect dialect_of(std::string_view message);

/// Whether a header, its name in any case, is one of those by which a request proves who sent it:
/// in a dialect of these, or on a session. Nobody else may set it: a second proof would be of
/// something that the signer never saw.
bool is_signing_header(std::string_view name);

/// Whether a text is no other dialect's, bare or as `<Bytes>…</Bytes>`: all that can be asked of a
/// legacy text where any is taken. Else whoever has seen a request of theirs could send its
/// signature once more, as a legacy one that is bound to nothing.
bool may_be_legacy(std::string_view message);

/// The Python client's default text: `I solemnly swear that I am up to some good. Hotkey:
/// <hotkey>`.
std::string legacy_message(std::string_view hotkey);

/// The hotkey that a text of that very form names (not checked to be an address), or nothing for
/// any other text.
std::optional<std::string_view> parse_legacy_message(std::string_view message);

/// Whether a text is of that form and names this very hotkey, whatever prefix its address has. A
/// signature over any other text was made for something else: another hotkey's request, a log-in,
/// a call of another protocol, an extrinsic.
bool is_legacy_message_of(std::string_view message, const PublicKey& hotkey);

using Nonce = std::array<std::uint8_t, 16>;
using BodyHash = std::array<std::uint8_t, 32>;

/// BLAKE2b-256 (RFC 7693) of the body's bytes as they are sent: after compression, the empty body
/// included.
BodyHash hash_body(std::string_view body);

/// SHA-256 of the same bytes, which Epistula and btauth/1 sign.
BodyHash sha256_of_body(std::string_view body);

/// A nonce from the operating system's randomness.
Nonce make_nonce();

/// What a dojo/1 message states:
/// `dojo/1 <METHOD> <path> to=<receiver SS58 or *> ts=<unix ms> nonce=<32 hex> body=<64 hex>`
struct DojoMessage {
  std::string method;           ///< upper case: `POST`
  std::string path;             ///< as in the request line, no query: `/Echo`
  std::optional<PublicKey> to;  ///< the receiver's hotkey; nothing is written `*`: any receiver
  std::chrono::sys_time<std::chrono::milliseconds> time;
  Nonce nonce{};
  BodyHash body{};
};

/// Writes the text to be signed. `path` must not hold white space; it is written as it is.
std::string format_dojo_message(const DojoMessage& message);

/// Reads it back. One form only: single spaces, fields in this order, lower-case hex, decimal time
/// without sign or leading zero, so that equal statements are equal texts.
/// @return an error (Code::malformed) that names the first field that is wrong.
Result<DojoMessage> parse_dojo_message(std::string_view text);

/// What the headers of an epistula/2 request state.
struct EpistulaStatement {
  std::string uuid;  ///< 1 to 64 letters, digits, `-` and `_`; a UUID as a rule
  std::chrono::sys_time<std::chrono::milliseconds> time;
  std::string signed_for;         ///< the receiver's address as it was sent; empty: none
  std::optional<PublicKey> to{};  ///< its key
};

/// Reads the headers' values.
/// @param timestamp unix milliseconds, decimal, no leading zero @param signed_for an address of any
/// prefix, or empty
/// @return an error (Code::malformed) that names the first header that is wrong.
Result<EpistulaStatement> parse_epistula(std::string_view uuid, std::string_view timestamp,
                                         std::string_view signed_for);

/// The text that is signed: `<sha256 hex of the body as sent>.<uuid>.<timestamp>.<signed-for>`. The
/// last dot stays where there is no receiver.
std::string format_epistula(const EpistulaStatement& statement, std::string_view body);

}  // namespace dojo::wire
