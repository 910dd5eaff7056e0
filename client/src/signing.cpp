#include "signing.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <new>

#include <fmt/format.h>

#include <dojo/wire/btauth.hpp>

#include "text/words.hpp"

namespace dojo::detail {
namespace {

// What libcurl or another option says, and a second header would contradict.
constexpr std::array<std::string_view, 16> kReserved = {wire::kRequestIdHeader,
                                                        "host",
                                                        "connection",
                                                        "keep-alive",
                                                        "proxy-connection",
                                                        "proxy-authorization",
                                                        "te",
                                                        "trailer",
                                                        "transfer-encoding",
                                                        "upgrade",
                                                        "expect",
                                                        "content-length",
                                                        "content-type",
                                                        "content-encoding",
                                                        "accept-encoding",
                                                        "content-range"};

bool is_reserved(std::string_view name) {
  return wire::is_signing_header(name) || std::ranges::any_of(kReserved, [&](auto reserved) {
           return text::same_word(name, reserved);
         });
}

// RFC 9110 §5.5, without the tab: nothing that could end the line, and no white space around it
// that the peer would strip.
bool is_value(std::string_view value) {
  if (value.starts_with(' ') || value.ends_with(' ')) return false;
  return std::ranges::all_of(value, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  });
}

Status check_header(const Header& header) {
  if (!text::is_token(header.name)) {
    return fail(fmt::format("header name \"{}\" is no token", header.name), Code::malformed);
  }
  if (is_reserved(header.name)) {
    return fail(fmt::format("header {}: the client alone signs, frames and encodes", header.name),
                Code::malformed);
  }
  if (!is_value(header.value)) {
    return fail(
        fmt::format("header {}: no control characters, and no space at the ends", header.name),
        Code::malformed);
  }
  return {};
}

Status check_message(const std::string& message, wire::Dialect dialect,
                     const wire::PublicKey& key) {
  if (dialect != wire::Dialect::legacy) {
    return fail("message: that is for the legacy dialect; the others write theirs",
                Code::malformed);
  }
  if (!wire::is_legacy_message_of(message, key)) {
    return fail(fmt::format("message: the legacy dialect signs \"{}\" alone; leave it out",
                            wire::legacy_message(wire::encode_ss58(key))),
                Code::malformed);
  }
  return {};
}

Status check_times(const SendOptions& options) {
  constexpr std::chrono::milliseconds kDay = std::chrono::hours(24);
  constexpr std::chrono::milliseconds kNone{0};
  if (options.timeout <= kNone || options.timeout > kDay) {
    return fail("timeout: more than 0 ms, at most a day", Code::malformed);
  }
  if (options.max_wait < kNone || options.max_wait > kDay || options.max_retry_after < kNone ||
      options.max_retry_after > kDay || !(options.wait_exponential_factor >= 0)) {
    return fail("max_wait and max_retry_after: 0 ms to a day; wait_exponential_factor: not below 0",
                Code::malformed);
  }
  if (options.max_retries < 1) {
    return fail("max_retries counts attempts: at least 1", Code::malformed);
  }
  return {};
}

std::string_view method_of(const Payload* payload) {
  return payload ? std::string_view(payload->method) : "HEAD";
}

wire::BodyHash hash_of(const Payload* payload, wire::Dialect dialect) {
  return payload ? payload->hash : hash_for(dialect, {});
}

std::string message_to_sign(std::string_view address, wire::Dialect dialect, std::string_view path,
                            const Payload* payload, const SendOptions& options) {
  if (dialect == wire::Dialect::legacy) {
    return options.message ? *options.message : wire::legacy_message(address);
  }
  wire::DojoMessage message;
  message.method = method_of(payload);
  message.path = path;
  if (options.to) message.to = *options.to->key();
  message.time = wall_clock();
  message.nonce = wire::make_nonce();
  message.body = hash_of(payload, dialect);
  return wire::format_dojo_message(message);
}

/// The headers that sign a btauth/1 request.
std::vector<Header> btauth_headers(const wire::Keypair& key, const wire::BtauthStatement& statement,
                                   const wire::BodyHash& hash) {
  std::vector<Header> headers;
  const auto add = [&](std::string_view name, std::string_view value) {
    headers.push_back({std::string(name), std::string(value)});
  };
  add(wire::kBtauthVersionHeader, wire::kBtauthVersion);
  add(wire::kBtauthHotkeyHeader, statement.sender);
  if (statement.receiver) add(wire::kBtauthReceiverHeader, *statement.receiver);
  add(wire::kBtauthNonceHeader, std::to_string(statement.nonce));
  // Left out, as the SDK does, where it is what who reads it takes it for.
  if (statement.scheme != wire::Scheme::sr25519) {
    add(wire::kBtauthCryptoHeader, to_string(statement.scheme));
  }
  add(wire::kBtauthSignatureHeader,
      wire::format_signature(key.sign(wire::format_btauth(statement, hash))));
  return headers;
}

HeaderList sign_message(const wire::Keypair& key, std::string_view address, wire::Dialect dialect,
                        std::string_view path, const Payload* payload, const SendOptions& options) {
  const auto message = message_to_sign(address, dialect, path, payload, options);
  HeaderList headers;
  headers.add(wire::kHotkeyHeader, address);
  headers.add(wire::kMessageHeader, message);
  headers.add(wire::kSignatureHeader, wire::format_signature(key.sign(message)));
  return headers;
}

/// What all requests have, however they are proven.
void describe(HeaderList& headers, const Payload* payload, const SendOptions& options) {
  if (payload) {
    payload->content_type.empty() ? headers.suppress("Content-Type")
                                  : headers.add("content-type", payload->content_type);
    headers.suppress("Expect");
    if (payload->compressed) {
      headers.add("content-encoding", "zstd");
      headers.add("accept-encoding", "zstd");
    }
  }
  if (!options.request_id.empty()) headers.add(wire::kRequestIdHeader, options.request_id);
  for (const auto& [name, value] : options.headers) headers.add(name, value);
}

}  // namespace

std::chrono::sys_time<std::chrono::milliseconds> wall_clock() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

void HeaderList::append(const std::string& line) {
  auto* old = list_.release();
  auto* grown = curl_slist_append(old, line.c_str());
  list_.reset(grown ? grown : old);
  if (!grown) throw std::bad_alloc();
}

void HeaderList::add(std::string_view name, std::string_view value) {
  // `Name;` is how libcurl is told to send a header without value.
  append(value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value));
}

void HeaderList::suppress(std::string_view name) {
  append(fmt::format("{}:", name));
}

Status check_options(const SendOptions& options, wire::Dialect dialect,
                     const wire::PublicKey& key) {
  if (dialect == wire::Dialect::epistula2) {
    return fail("dialect: this client signs dojo/1, btauth/1 and legacy", Code::malformed);
  }
  for (const auto& header : options.headers) {
    if (auto good = check_header(header); !good) return good;
  }
  if (!is_value(options.request_id)) {
    return fail("request id: no control characters, and no space at the ends", Code::malformed);
  }
  if (options.to && !options.to->key()) {
    return fail("receiver: " + options.to->key().error().message, Code::malformed);
  }
  if (options.proof && (dialect != wire::Dialect::btauth1 || !options.to)) {
    return fail(
        "proof: answers are signed in btauth/1 alone, and for a request that names its "
        "receiver: give both",
        Code::malformed);
  }
  if (options.message) {
    if (auto good = check_message(*options.message, dialect, key); !good) return good;
  }
  return check_times(options);
}

Status check_request(const Request& request) {
  constexpr std::size_t kLongestMethod = 16;
  const auto& method = request.method;
  const bool capitals = std::ranges::all_of(method, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (method.empty() || method.size() > kLongestMethod || !capitals || method == "CONNECT") {
    return fail(fmt::format("method \"{}\": 1 to 16 capital letters, and not CONNECT", method),
                Code::malformed);
  }
  if (method == "HEAD" && !request.body.empty()) {
    return fail("method HEAD: it has no body", Code::malformed);
  }
  if (!is_value(request.content_type)) {
    return fail("content type: no control characters, and no space at the ends", Code::malformed);
  }
  return {};
}

HeaderList sign_request(const wire::Keypair& key, std::string_view address, wire::Dialect dialect,
                        const Target& target, const Payload* payload, const SendOptions& options) {
  auto headers = sign_message(key, address, dialect, target.path, payload, options);
  describe(headers, payload, options);
  return headers;
}

HeaderList sign_btauth(const wire::Keypair& key, std::string_view address, const Target& target,
                       const PayloadPtr& payload, const SendOptions& options,
                       std::optional<SignedRequest>& sent) {
  wire::BtauthStatement statement;
  statement.scheme = key.scheme();
  statement.method = method_of(payload.get());
  statement.target = target.whole();
  statement.nonce = wire::make_btauth_nonce();
  statement.sender = address;
  if (options.to) statement.receiver = wire::encode_ss58(*options.to->key());
  // The body is the payload's own, however many requests share it.
  sent = {statement.method, statement.target,
          btauth_headers(key, statement, hash_of(payload.get(), wire::Dialect::btauth1)),
          payload ? std::shared_ptr<const std::string>(payload, &payload->body)
                  : std::make_shared<const std::string>()};
  HeaderList headers;
  for (const auto& [name, value] : sent->headers) headers.add(name, value);
  describe(headers, payload.get(), options);
  return headers;
}

HeaderList tag_request(Session& session, const Target& target, const Payload* payload,
                       const SendOptions& options) {
  const auto stated =
      wire::format_session_statement({.id = session.id,
                                      .count = ++session.count,
                                      .time = wall_clock(),
                                      .body = hash_of(payload, wire::Dialect::dojo1)});
  const auto tag = session.key.tag(method_of(payload), target.path, session.receiver, stated);
  HeaderList headers;
  headers.add(wire::kSessionHeader, wire::format_session_header(stated, tag));
  describe(headers, payload, options);
  return headers;
}

}  // namespace dojo::detail
