// Any header values, in any dialect: what is read of them is sound, and is looked at without harm.
// The input is lines `name: value`; without a name they are, in turn, the values of known headers.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../unit/host/made_head.hpp"
#include "request/authenticate.hpp"
#include "request/route.hpp"

namespace {

using namespace dojo;

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr std::array<std::string_view, 16> kNames{"x-hotkey",
                                                  "x-message",
                                                  "x-signature",
                                                  "epistula-version",
                                                  "epistula-timestamp",
                                                  "epistula-uuid",
                                                  "epistula-signed-by",
                                                  "epistula-signed-for",
                                                  "epistula-request-signature",
                                                  "x-dojo-session",
                                                  "x-bittensor-version",
                                                  "x-bittensor-hotkey",
                                                  "x-bittensor-nonce",
                                                  "x-bittensor-crypto",
                                                  "x-bittensor-receiver",
                                                  "x-bittensor-signature"};

net::Head head_of(std::string_view text) {
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  for (std::size_t turn = 0; !text.empty() && turn < 32; ++turn) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    auto name = kNames[turn % kNames.size()];
    auto value = line;
    for (const auto known : kNames) {
      if (!line.starts_with(known) || line.substr(known.size(), 2) != ": ") continue;
      name = known;
      value = line.substr(known.size() + 2);
    }
    if (line.empty() || value.size() > 8'192) continue;
    fields.emplace_back(name, value);
  }
  return test::make_head("POST", "/Echo", fields);
}

policy::WallTime now() {
  return policy::WallTime(std::chrono::milliseconds(1'795'370'290'730));
}

const wire::Keypair& host() {
  static const auto kHost = wire::Keypair::from_seed(std::array<std::uint8_t, 32>{1});
  return kHost;
}

/// One is open, whose id is zeros and whose key nobody knows.
const request::Sessions& sessions() {
  static policy::SessionStore store{{}, now};
  static const request::Sessions kSessions = [] {
    const wire::ExchangeSecret secret;
    const wire::SessionTerms terms{.host = host().public_key(), .expires = store.end_of_new()};
    store.insert(std::make_shared<policy::Session>(
        terms, *wire::SessionKey::derive(secret, wire::ExchangeSecret().public_key(), terms)));
    return request::Sessions(store, host());
  }();
  return kSessions;
}

void check(const request::Authenticator& authenticator, const net::Head& head) {
  auto claim = authenticator.read(head, request::route_of(head.path()));
  if (!claim) {
    const auto code = claim.error().code;
    require(code == Code::no_signature || code == Code::malformed || code == Code::no_session);
    require(!claim.error().told.empty() && claim.error().told.size() < 512);
    return;
  }
  const auto address = wire::decode_ss58(claim->caller.hotkey);
  require(address && address->key == claim->caller.key);
  const auto name = claim->caller.dialect;
  require((claim->dojo || claim->session) == (name == wire::Dialect::dojo1));
  require(claim->epistula.has_value() == (name == wire::Dialect::epistula2));
  require(claim->btauth.has_value() == (name == wire::Dialect::btauth1));
  require(claim->epistula || claim->btauth || claim->session || !claim->message.empty());
  require(claim->btauth.has_value() == request::speaks_btauth(head));
  const auto refusal = authenticator.look_at(*claim, head);
  require(!refusal || refusal->code == Code::wrong_receiver || refusal->code == Code::stale);
  if (claim->session) {
    const auto tagged = sessions().prove(*claim->session, head);
    require(tagged && tagged->code == Code::bad_signature);
    return;
  }
  const auto& dialect = request::dialect(name);
  require(!dialect.used_once(*claim).empty());
  if (claim->epistula) require(wire::format_epistula(*claim->epistula, "").size() < 256);
  require(dialect.signs_body() == (claim->epistula || claim->btauth));
  wire::KnownKeys known;
  if (claim->btauth) require(!dialect.signature_holds(*claim, "", known));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static policy::ReplayMemory seen{{std::size_t{1} << 16, std::size_t{1} << 16, false},
                                   {now, [] { return std::chrono::milliseconds(0); }}};
  static const request::Authenticator kAuthenticator = [] {
    request::AuthOptions options;
    options.dialects = request::DialectSet(wire::kDialects);
    return request::Authenticator(
        options, wire::decode_ss58("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")->key, seen,
        now, &sessions());
  }();
  check(kAuthenticator, head_of({reinterpret_cast<const char*>(data), size}));
  return 0;
}
