// Any text as whom a rule is about, or as a time: one criterion, which is read again as it is
// written.
#include "policy/rules/subject.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace dojo::policy;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const Rule& rule) {
  require(rule.hotkeys.size() + rule.coldkeys.size() + rule.uids.size() + rule.networks.size() ==
          1);
  if (rule.hotkeys.empty() && rule.networks.empty()) return;
  const auto text =
      rule.networks.empty() ? dojo::wire::encode_ss58(rule.hotkeys[0]) : rule.networks[0].text();
  const auto again = parse_subject(text);
  require(again && *again == rule);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rule = parse_subject(text);
  if (rule) check(*rule);
  require(rule || (!rule.error().message.empty() && rule.error().message.size() < 1'000));
  const auto duration = parse_duration(text);
  require(!duration || (duration->count() > 0 && duration->count() <= 3650LL * 86'400));
  return 0;
}
