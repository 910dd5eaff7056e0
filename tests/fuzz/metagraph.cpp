// Any text as Kami's answer: what is taken is whole and bounded, and is the same when it is written
// and read again.
#include "policy/metagraph/metagraph.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/metagraph/metagraph_json.hpp"

namespace {

using namespace dojo::policy;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const Metagraph& metagraph) {
  const auto& neurons = metagraph.neurons();
  require(!neurons.empty() && neurons.size() <= kMostNeurons);
  std::size_t somebody = 0;
  for (std::size_t i = 0; i < neurons.size(); ++i) {
    require(neurons[i].uid == i && std::isfinite(neurons[i].stake) && neurons[i].stake >= 0);
    const auto* found = metagraph.find(neurons[i].hotkey);
    require(found == nullptr || found == &neurons[i]);
    somebody += found == nullptr ? 0 : 1;
  }
  require(somebody > 0 && somebody == metagraph.registered());
  require((somebody < neurons.size()) == !metagraph.set_aside().empty());
  require(metagraph.set_aside().size() < 300);
  require(metagraph.mean_validator_stake() >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto words = refusal_of_kami(text)) require(words->size() < 300);
  const auto metagraph = parse_metagraph(text);
  if (!metagraph) {
    require(!metagraph.error().message.empty());
    return 0;
  }
  check(*metagraph);
  const auto json = metagraph_json(*metagraph);
  require(json.has_value());
  const auto again = parse_metagraph(*json);
  require(again && again->neurons().size() == metagraph->neurons().size() &&
          again->block() == metagraph->block() && again->netuid() == metagraph->netuid());
  for (std::size_t i = 0; i < again->neurons().size(); ++i) {
    require(again->neurons()[i].stake == metagraph->neurons()[i].stake);
  }
  return 0;
}
