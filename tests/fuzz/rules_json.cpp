// Any text as rules.json: what is taken is the same when it is written and read again, and can be
// asked.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/rules/rulebook.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dojo::policy;
  const auto saved = parse_rules({reinterpret_cast<const char*>(data), size});
  if (!saved) {
    require(!saved.error().message.empty());
    return 0;
  }
  const auto json = rules_json(*saved);
  require(json.has_value());
  const auto again = parse_rules(*json);
  require(again && again->next == saved->next && again->rules == saved->rules);
  const RuleSet set({.rules = saved->rules});
  for (const auto stale : {Stale::closed, Stale::open}) {
    const auto verdict = set.judge({}, {nullptr, false, true, stale}, WallTime());
    require(verdict.allowed == verdict.rule.empty());
  }
  return 0;
}
