// Signed requests, as somebody who listens would have them: attack_capture --to HOTKEY --count N …
// prints one JSON object a line: dialect, skew_ms (how far the signer's clock is ahead), headers (a
// list of pairs), body (hex).
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <dojo/wire/ss58.hpp>

#include "caller.hpp"

namespace {

using namespace dojo;
using namespace dojo::attacks;

/// Nothing of it needs escaping.
std::string line(const Caller& caller, const Headers& headers, const Body& body) {
  std::string pairs;
  for (const auto& [name, value] : headers) {
    pairs += fmt::format(R"({}["{}","{}"])", pairs.empty() ? "" : ",", name, value);
  }
  std::string hex;
  for (const char byte : body.bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return fmt::format(R"({{"dialect":"{}","skew_ms":{},"headers":[{}],"body":"{}"}})",
                     to_string(caller.speech()), caller.skew().count(), pairs, hex);
}

}  // namespace

int main(int argc, char** argv) {
  std::string receiver;
  std::string group = "honest";
  std::string dialects = "legacy,dojo/1";
  std::size_t count = 0;
  std::size_t keys = 64;
  double skew_s = 0;
  CLI::App app{"Prints signed requests."};
  app.add_option("--to", receiver, "the host's hotkey")->required();
  app.add_option("--count", count)->required()->check(CLI::Range(1, 1'000'000));
  app.add_option("--group", group);
  app.add_option("--keys", keys)->check(CLI::Range(1, 10'000));
  app.add_option("--dialects", dialects);
  app.add_option("--skew", skew_s, "seconds the most wrong clocks are behind and ahead");
  CLI11_PARSE(app, argc, argv);

  const auto to = wire::decode_ss58(receiver);
  if (!to) {
    fmt::print(stderr, "--to: {}\n", to.error().message);
    return 2;
  }
  const auto callers =
      callers_of(group, keys, parse_speeches(dialects),
                 std::chrono::milliseconds(static_cast<std::int64_t>(skew_s * 1e3)));
  const auto bodies = echo_bodies(32);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& caller = callers[i % callers.size()];
    const auto& body = bodies[i % bodies.size()];
    fmt::print("{}\n", line(caller, caller.sign("POST", "/Echo", to->key, body), body));
  }
  return 0;
}
