#include "proof.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sodium.h>

#include <dojo/client/proof.hpp>
#include <dojo/model.hpp>
#include <dojo/wire/btauth.hpp>
#include <dojo/wire/signed_answer.hpp>

#include "text/words.hpp"

namespace dojo {
namespace {

constexpr int kVersion = 1;
constexpr std::string_view kAnswerHeaders = "x-tw-resp-";

// The file. Bodies are base64, since they may be any bytes.
struct ProofRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;
  std::string body;
};
DOJO_MODEL(ProofRequest, method, target, headers, body)

struct ProofAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;
  std::string body;
};
DOJO_MODEL(ProofAnswer, status, headers, body)

struct Proof {
  int version = kVersion;
  ProofRequest request;
  ProofAnswer answer;
};
DOJO_MODEL(Proof, version, request, answer)

std::string to_base64(std::string_view bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the zero at its end
  return text;
}

Result<std::string> from_base64(std::string_view field, std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size()) {
    return fail(fmt::format("{}: it has to be base64", field), Code::malformed);
  }
  bytes.resize(size);
  return bytes;
}

/// All values of a header, in any case.
template <class Headers>
std::vector<std::string_view> values_of(const Headers& headers, std::string_view name) {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : headers) {
    if (text::same_word(key, name)) values.emplace_back(value);
  }
  return values;
}

/// The only value of a header. @return nothing if there is none; an error if there are more
template <class Headers>
Result<std::optional<std::string_view>> value_of(const Headers& headers, std::string_view name) {
  const auto values = values_of(headers, name);
  if (values.size() > 1) {
    return fail(fmt::format("request.headers: {} is there twice", name), Code::malformed);
  }
  return values.empty() ? std::nullopt : std::optional(values.front());
}

/// The request that is stated, if its signature is right, and it names its receiver.
Result<wire::BtauthStatement> check_request(const ProofRequest& request, std::string_view body) {
  const auto is_visible = [](char c) { return c > ' ' && c < 0x7f; };
  if (!text::is_token(request.method) || !std::ranges::all_of(request.target, is_visible)) {
    return fail("request: method and target have to be a request line's", Code::malformed);
  }
  wire::BtauthHeaders headers;
  std::string_view signature;
  const auto read = [&](std::string_view name, auto& into) -> Status {
    const auto value = value_of(request.headers, name);
    if (!value) return Unexpected(value.error());
    if (*value) into = **value;
    return {};
  };
  for (const auto& status : {read(wire::kBtauthVersionHeader, headers.version),
                             read(wire::kBtauthHotkeyHeader, headers.hotkey),
                             read(wire::kBtauthNonceHeader, headers.nonce),
                             read(wire::kBtauthReceiverHeader, headers.receiver),
                             read(wire::kBtauthCryptoHeader, headers.crypto),
                             read(wire::kBtauthSignatureHeader, signature)}) {
    if (!status) return Unexpected(status.error());
  }
  auto statement = wire::parse_btauth(request.method, request.target, headers);
  if (!statement) return statement;
  const auto bytes = wire::parse_btauth_signature(signature);
  if (!bytes) return Unexpected(bytes.error());
  if (!wire::verify(statement->key, statement->scheme,
                    wire::format_btauth(*statement, wire::sha256_of_body(body)), *bytes)) {
    return fail(
        fmt::format("the request's signature is wrong: {} has not asked that", statement->sender),
        Code::bad_signature);
  }
  if (!statement->receiver) {
    return fail("the request names no receiver, so nobody is proven to have answered it",
                Code::malformed);
  }
  return statement;
}

std::chrono::sys_time<std::chrono::nanoseconds> time_of(std::uint64_t nonce) {
  constexpr std::uint64_t kLast = std::numeric_limits<std::int64_t>::max();
  return std::chrono::sys_time<std::chrono::nanoseconds>(
      std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(nonce, kLast))));
}

}  // namespace

Result<std::string> format_proof(const ClientResponse& response) {
  if (!response.request || response.signature != AnswerSignature::right) {
    return fail(
        "the answer proves nothing: ask for proof (SendOptions::proof), of a miner that "
        "signs its answers",
        Code::no_signature);
  }
  const auto& asked = *response.request;
  Proof proof;
  proof.request = {asked.method, asked.target, {}, to_base64(*asked.body)};
  for (const auto& [name, value] : asked.headers) proof.request.headers[name] = value;
  proof.answer = {response.status, {}, to_base64(response.raw_body)};
  for (const auto& [name, value] : response.headers) {
    if (text::same_word(std::string_view(name).substr(0, kAnswerHeaders.size()), kAnswerHeaders))
      proof.answer.headers[name] = value;
  }
  return to_json(proof);
}

Result<Proven> check_proof(std::string_view json) {
  auto proof = from_json<Proof>(json);
  if (!proof) return fail("it is no proof: " + proof.error().message, Code::malformed);
  if (proof->version != kVersion) {
    return fail(fmt::format("version: {} is read here", kVersion), Code::malformed);
  }
  auto request = from_base64("request.body", proof->request.body);
  if (!request) return Unexpected(std::move(request.error()));
  auto answer = from_base64("answer.body", proof->answer.body);
  if (!answer) return Unexpected(std::move(answer.error()));
  auto asked = check_request(proof->request, *request);
  if (!asked) return Unexpected(std::move(asked.error()));
  const auto nonce = std::to_string(asked->nonce);
  if (auto status = wire::verify_answer(
          {.nonce = nonce,
           .sender = asked->sender,
           .status = proof->answer.status,
           .body = *answer},
          *asked->receiver,
          [&](std::string_view name) { return values_of(proof->answer.headers, name); });
      !status) {
    return Unexpected(std::move(status.error()));
  }
  return Proven{.asker = std::move(asked->sender),
                .answerer = std::move(*asked->receiver),
                .time = time_of(asked->nonce),
                .method = std::move(asked->method),
                .target = std::move(asked->target),
                .request = std::move(*request),
                .status = proof->answer.status,
                .answer = std::move(*answer)};
}

namespace detail {

std::optional<Status> check_answer(const ClientResponse& http) {
  if (!http.request) return std::nullopt;
  const auto only = [&](std::string_view name) {
    const auto values = values_of(http.request->headers, name);
    return values.empty() ? std::string_view() : values.front();
  };
  const auto receiver = only(wire::kBtauthReceiverHeader);
  if (receiver.empty()) return std::nullopt;
  return wire::verify_answer({.nonce = only(wire::kBtauthNonceHeader),
                              .sender = only(wire::kBtauthHotkeyHeader),
                              .status = http.status,
                              .body = http.raw_body,
                              .digest = http.stream ? http.stream->digest : std::string_view()},
                             receiver,
                             [&](std::string_view name) { return values_of(http.headers, name); });
}

}  // namespace detail
}  // namespace dojo
