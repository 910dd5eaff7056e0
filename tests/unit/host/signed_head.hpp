// Requests' heads, signed as callers sign them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/beast/http/fields.hpp>

#include <dojo/header_fields.hpp>
#include <dojo/wire/btauth.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/keypair.hpp>
#include <dojo/wire/signed_answer.hpp>

#include "host/made_head.hpp"
#include "request/dialect.hpp"

namespace dojo::test {

/// A head that owns what it points to.
struct SignedHead {
  std::string method = "POST";
  std::string path = "/Answers";
  boost::beast::http::fields fields;

  [[nodiscard]] net::Head head() const {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const auto& field : fields) pairs.emplace_back(field.name_string(), field.value());
    return make_head(method, path, pairs);
  }
  void set(std::string_view name, std::string_view value) {
    fields.set(boost::beast::string_view(name.data(), name.size()),
               boost::beast::string_view(value.data(), value.size()));
  }
  void sign(const wire::Keypair& key, const std::string& message) {
    set(wire::kHotkeyHeader, key.address());
    set(wire::kMessageHeader, message);
    set(wire::kSignatureHeader, wire::format_signature(key.sign(message)));
  }
};

inline SignedHead legacy(const wire::Keypair& key, const std::string& path = "/Answers") {
  SignedHead made;
  made.path = path;
  made.sign(key, wire::legacy_message(key.address()));
  return made;
}

/// What a dojo/1 caller states about POST `path` with `body`, now.
inline wire::DojoMessage statement(const wire::Keypair& to, const std::string& path,
                                   std::string_view body, request::WallTime now) {
  return {.method = "POST",
          .path = path,
          .to = to.public_key(),
          .time = now,
          .nonce = wire::make_nonce(),
          .body = wire::hash_body(body)};
}

inline SignedHead dojo1(const wire::Keypair& key, const wire::DojoMessage& message) {
  SignedHead made;
  made.method = message.method;
  made.path = message.path;
  made.sign(key, wire::format_dojo_message(message));
  return made;
}

/// What an epistula/2 caller states, now. @param to empty: no receiver
inline wire::EpistulaStatement epistula_statement(const std::string& to, request::WallTime now) {
  const auto nonce = wire::make_nonce();
  std::string uuid;
  for (const auto byte : nonce) uuid += static_cast<char>('a' + byte % 16);
  return {.uuid = uuid, .time = now, .signed_for = to};
}

inline SignedHead epistula(const wire::Keypair& key, const wire::EpistulaStatement& statement,
                           std::string_view body) {
  SignedHead made;
  made.set("Epistula-Version", "2");
  made.set("Epistula-Timestamp", std::to_string(statement.time.time_since_epoch().count()));
  made.set("Epistula-Uuid", statement.uuid);
  made.set("Epistula-Signed-By", key.address());
  if (!statement.signed_for.empty()) made.set("Epistula-Signed-For", statement.signed_for);
  made.set("Epistula-Request-Signature",
           wire::format_signature(key.sign(wire::format_epistula(statement, body))));
  return made;
}

/// What a btauth/1 caller states of POST /Answers, now. @param to nothing: no receiver
inline wire::BtauthStatement btauth_statement(const wire::Keypair& key,
                                              std::optional<std::string> to, request::Moment now) {
  return {.scheme = key.scheme(),
          .method = "POST",
          .target = "/Answers",
          .nonce = static_cast<std::uint64_t>(now.time_since_epoch().count()),
          .sender = key.address(),
          .key = key.public_key(),
          .receiver = std::move(to)};
}

inline SignedHead btauth(const wire::Keypair& key, const wire::BtauthStatement& statement,
                         std::string_view body) {
  SignedHead made;
  made.method = statement.method;
  made.path = statement.target;
  made.set("X-Bittensor-Version", "1");
  made.set("X-Bittensor-Hotkey", statement.sender);
  made.set("X-Bittensor-Nonce", std::to_string(statement.nonce));
  if (statement.receiver) made.set("X-Bittensor-Receiver", *statement.receiver);
  if (statement.scheme != wire::Scheme::sr25519) {
    made.set("X-Bittensor-Crypto", to_string(statement.scheme));
  }
  made.set(
      "X-Bittensor-Signature",
      wire::format_signature(key.sign(wire::format_btauth(statement, wire::sha256_of_body(body)))));
  return made;
}

/// What an answer's signature proves to who sent a btauth/1 request. @param fields of the answer
inline Status check_answer(const SignedHead& asked, const std::string& responder, int status,
                           std::string_view fields, std::string_view body) {
  const auto head = asked.head();
  return wire::verify_answer({.nonce = head.value("x-bittensor-nonce"),
                              .sender = head.value("x-bittensor-hotkey"),
                              .status = status,
                              .body = body},
                             responder, [&](std::string_view name) {
                               std::vector<std::string_view> values;
                               detail::for_each_field(fields, [&](auto field, auto value) {
                                 if (detail::same_word(field, name)) values.push_back(value);
                               });
                               return values;
                             });
}

}  // namespace dojo::test
