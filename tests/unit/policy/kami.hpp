// Answers as Kami gives them, in the shape of kami-client 1.2.2's types.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <dojo/wire/ss58.hpp>

#include "policy/metagraph/metagraph.hpp"

namespace dojo::test {

/// A key of its own for each number.
inline wire::PublicKey key_of(std::uint32_t number) {
  wire::PublicKey key{};
  key[0] = 0x5a;
  for (std::size_t i = 0; i < 4; ++i) {
    key.at(i + 1) = static_cast<std::uint8_t>(number >> (8 * i));
  }
  return key;
}

/// Hotkeys key_of(0), key_of(1) …; coldkeys key_of(1'000'000 + a third of the uid); every fourth a
/// validator; uid's stake is 10 × uid.
inline std::vector<policy::Neuron> some_neurons(std::uint32_t count) {
  std::vector<policy::Neuron> neurons;
  for (std::uint32_t uid = 0; uid < count; ++uid) {
    neurons.push_back({static_cast<std::uint16_t>(uid), key_of(uid), key_of(1'000'000 + uid / 3),
                       uid % 4 == 0, 10.0 * uid});
  }
  return neurons;
}

template <class Write>
std::string json_list(const std::vector<policy::Neuron>& neurons, Write write) {
  std::string text;
  for (const auto& neuron : neurons) text += (text.empty() ? "" : ",") + write(neuron);
  return "[" + text + "]";
}

/// What stands behind "data": every field there is.
inline std::string kami_metagraph(const std::vector<policy::Neuron>& neurons, int netuid = 52,
                                  std::uint64_t block = 5'000'000) {
  const auto quoted = [](const wire::PublicKey& key) { return '"' + wire::encode_ss58(key) + '"'; };
  const auto each = [&](const std::string& text) {
    return json_list(neurons, [&](const auto&) { return text; });
  };
  const std::string axon =
      R"({"block":4999000,"version":1,"ip":"203.0.113.7","port":8091,"ipType":4,"protocol":4,)"
      R"("placeholder1":0,"placeholder2":0})";
  return fmt::format(
      R"({{"netuid":{0},"name":"dojo","symbol":"ჱ","identity":{{"subnetName":"dojo","githubRepo":"",)"
      R"("subnetContact":"","subnetUrl":"","discord":"","description":"","additional":""}},)"
      R"("networkRegisteredAt":3000000,"ownerHotkey":{2},"ownerColdkey":{2},"block":{1},"tempo":360,)"
      R"("lastStep":4999990,"blocksSinceLastStep":10,"subnetEmission":0,"alphaIn":1234.5,)"
      R"("movingPrice":{{"bits":123456789}},"weightsRateLimit":"18446744073709551615",)"
      R"("difficulty":"0xffffffffffffffff","numUids":{3},"maxUids":256,"hotkeys":{4},"coldkeys":{5},)"
      R"("identities":{6},"axons":{7},"active":{8},"validatorPermit":{9},"lastUpdate":{10},)"
      R"("emission":{11},"trust":{11},"totalStake":{12},"taoDividendsPerHotkey":[[{2},0.5]]}})",
      netuid, block, quoted(key_of(0)), neurons.size(),
      json_list(neurons, [&](const auto& neuron) { return quoted(neuron.hotkey); }),
      json_list(neurons, [&](const auto& neuron) { return quoted(neuron.coldkey); }), each("null"),
      each(axon), each("true"),
      json_list(neurons,
                [](const auto& n) { return std::string(n.validator_permit ? "true" : "false"); }),
      each("4999000"), each("0.0012345"),
      json_list(neurons, [](const auto& neuron) { return fmt::format("{:.9f}", neuron.stake); }));
}

inline std::string kami_answer(const std::vector<policy::Neuron>& neurons, int netuid = 52,
                               std::uint64_t block = 5'000'000) {
  return R"({"statusCode":200,"success":true,"data":)" + kami_metagraph(neurons, netuid, block) +
         "}";
}

}  // namespace dojo::test
