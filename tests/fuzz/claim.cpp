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

namespace {

using namespace dojo;

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr std::array<std::string_view, 9> kNames{
    "x-hotkey",           "x-message",           "x-signature",
    "epistula-version",   "epistula-timestamp",  "epistula-uuid",
    "epistula-signed-by", "epistula-signed-for", "epistula-request-signature"};

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

void check(const request::Authenticator& authenticator, const net::Head& head) {
  auto claim = authenticator.read(head);
  if (!claim) {
    const auto code = claim.error().code;
    require(code == Code::no_signature || code == Code::malformed);
    require(!claim.error().told.empty() && claim.error().told.size() < 512);
    return;
  }
  const auto address = wire::decode_ss58(claim->caller.hotkey);
  require(address && address->key == claim->caller.key);
  const auto name = claim->caller.dialect;
  require(claim->dojo.has_value() == (name == wire::Dialect::dojo1));
  require(claim->epistula.has_value() == (name == wire::Dialect::epistula2));
  require(name == wire::Dialect::epistula2 || !claim->message.empty());
  const auto refusal = authenticator.look_at(*claim, head);
  require(!refusal || refusal->code == Code::wrong_receiver || refusal->code == Code::stale);
  const auto& dialect = request::dialect(name);
  require(!dialect.used_once(*claim).empty());
  if (dialect.signs_body()) require(wire::format_epistula(*claim->epistula, "").size() < 256);
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
        now);
  }();
  check(kAuthenticator, head_of({reinterpret_cast<const char*>(data), size}));
  return 0;
}
