// Signed answers, `twresp/1`: that it was this miner who has answered so, to this very request.
// docs/wire.md describes them. The format is taowire's (PyPI, 0.1.0a2, extensions/response_sig.py).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/result.hpp>
#include <dojo/wire/keypair.hpp>
#include <dojo/wire/signature.hpp>
#include <dojo/wire/ss58.hpp>

namespace dojo::wire {

/// Header names, lower case.
inline constexpr std::string_view kAnswerVersionHeader = "x-tw-resp-version";
inline constexpr std::string_view kAnswerHotkeyHeader = "x-tw-resp-hotkey";
inline constexpr std::string_view kAnswerCryptoHeader = "x-tw-resp-crypto";
inline constexpr std::string_view kAnswerSignatureHeader = "x-tw-resp-signature";

/// What an answer's signature is about, beside who gives it: the request by the two things that
/// make it its sender's only one, and the answer itself.
struct AnswerStatement {
  std::string_view nonce;     ///< the request's, decimal without leading zeros
  std::string_view sender;    ///< who asked, SS58, as it was sent
  int status = 200;           ///< HTTP's
  std::string_view body;      ///< as it is sent
  std::string_view digest{};  ///< of a stream instead: StreamDigest::hex()
};

/// The text that is signed, seven lines: `twresp/1`, the scheme, nonce, sender, responder, status,
/// SHA-256 of the body in lower-case hex.
std::string format_answer(const AnswerStatement& statement, Scheme scheme,
                          std::string_view responder);

/// A header of an answer.
using AnswerHeader = std::pair<std::string_view, std::string>;

/// The headers that say who answers, which a stream begins with. @param address `key`'s
std::vector<AnswerHeader> introduce_answer(const Keypair& key, std::string_view address);

/// The headers that sign an answer. @param address `key`'s. Any thread.
std::vector<AnswerHeader> sign_answer(const AnswerStatement& statement, const Keypair& key,
                                      std::string_view address);

/// Checks an answer's signature against what was asked and what came.
/// @param values all values of a header of that name (compared without case), in their order
/// @param responder the hotkey that the request was for, SS58
/// @return why it proves nothing, if so: Code::no_signature where it is not signed at all,
/// Code::malformed (a header twice, another version, scheme or form), Code::wrong_receiver (another
/// hotkey's), Code::bad_signature. Any thread.
Status verify_answer(const AnswerStatement& statement, std::string_view responder,
                     const std::function<std::vector<std::string_view>(std::string_view)>& values);

}  // namespace dojo::wire
