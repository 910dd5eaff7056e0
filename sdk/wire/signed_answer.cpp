#include <fmt/format.h>

#include <dojo/wire/dialect.hpp>
#include <dojo/wire/signed_answer.hpp>

#include "wire/hex.hpp"

namespace dojo::wire {
namespace {

constexpr std::string_view kTag = "twresp/1";
constexpr std::string_view kVersion = "1";

Unexpected<Error> malformed(std::string_view header, std::string_view expected) {
  return fail(fmt::format("the answer's {}: it has to be {}", header, expected), Code::malformed);
}

}  // namespace

std::string format_answer(const AnswerStatement& statement, Scheme scheme,
                          std::string_view responder) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", kTag, to_string(scheme), statement.nonce,
                     statement.sender, responder, statement.status,
                     statement.digest.empty() ? encode_hex(sha256_of_body(statement.body))
                                              : std::string(statement.digest));
}

std::vector<AnswerHeader> introduce_answer(const Keypair& key, std::string_view address) {
  std::vector<AnswerHeader> headers{{kAnswerVersionHeader, std::string(kVersion)},
                                    {kAnswerHotkeyHeader, std::string(address)}};
  if (key.scheme() == Scheme::ed25519)
    headers.emplace_back(kAnswerCryptoHeader, to_string(Scheme::ed25519));
  return headers;
}

std::vector<AnswerHeader> sign_answer(const AnswerStatement& statement, const Keypair& key,
                                      std::string_view address) {
  auto headers = introduce_answer(key, address);
  headers.emplace_back(kAnswerSignatureHeader,
                       format_signature(key.sign(format_answer(statement, key.scheme(), address))));
  return headers;
}

Status verify_answer(const AnswerStatement& statement, std::string_view responder,
                     const std::function<std::vector<std::string_view>(std::string_view)>& values) {
  struct Field {
    std::string_view name;
    std::optional<std::string_view> value{};
  };
  std::array fields{Field{kAnswerVersionHeader}, Field{kAnswerHotkeyHeader},
                    Field{kAnswerCryptoHeader}, Field{kAnswerSignatureHeader}};
  for (auto& [name, value] : fields) {
    const auto all = values(name);
    if (all.size() > 1) return malformed(name, "there once");
    if (!all.empty()) value = all.front();
  }
  const auto& [version, hotkey, crypto, stated] = fields;
  if (!version.value) return fail("the answer is not signed", Code::no_signature);
  if (*version.value != kVersion) return malformed(version.name, kVersion);
  if (hotkey.value != responder) {
    return fail(fmt::format("the answer is signed by another hotkey than {}", responder),
                Code::wrong_receiver);
  }
  const auto scheme = parse_scheme(crypto.value.value_or(to_string(Scheme::sr25519)));
  if (!scheme) return malformed(crypto.name, "sr25519 or ed25519");
  constexpr std::size_t kSignatureText = 2 + 2 * std::tuple_size_v<SignatureBytes>;
  const auto text = stated.value.value_or("");
  const auto signature = parse_signature(text);
  if (!signature || text.size() != kSignatureText)
    return malformed(stated.name, "0x and 128 hex digits");
  const auto address = decode_ss58(responder);
  if (!address) return Unexpected(address.error());
  if (!verify(address->key, *scheme, format_answer(statement, *scheme, responder), *signature)) {
    return fail("the answer's signature is wrong: it is not this miner's answer to this request",
                Code::bad_signature);
  }
  return {};
}

}  // namespace dojo::wire
