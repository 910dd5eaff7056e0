// Who is registered on the subnet: uid, coldkey, validator permit and stake of each hotkey.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <dojo/result.hpp>

#include "access/key_hash.hpp"
#include "access/visit.hpp"

namespace dojo::access {

struct Neuron {
  std::uint16_t uid = 0;
  wire::PublicKey hotkey{};
  wire::PublicKey coldkey{};
  bool validator_permit = false;
  double stake =
      0;  ///< totalStake, in the unit of the source (Kami: the subnet's alpha, in whole tokens)
};

/// One state of a subnet. Immutable; any thread.
class Metagraph {
 public:
  Metagraph(std::uint16_t netuid, std::uint64_t block, std::vector<Neuron> neurons);

  [[nodiscard]] std::uint16_t netuid() const { return netuid_; }
  [[nodiscard]] std::uint64_t block() const { return block_; }
  [[nodiscard]] const std::vector<Neuron>& neurons() const { return neurons_; }
  /// Null for a hotkey that is not registered.
  [[nodiscard]] const Neuron* find(const wire::PublicKey& hotkey) const;
  /// Mean stake of those with a validator permit and any stake; 0 if there is none.
  [[nodiscard]] double mean_validator_stake() const { return mean_validator_stake_; }

 private:
  std::uint16_t netuid_;
  std::uint64_t block_;
  std::vector<Neuron> neurons_;
  std::unordered_map<wire::PublicKey, std::size_t, KeyHash> by_hotkey_;
  double mean_validator_stake_ = 0;
};

/// Reads what Kami answers to GET /chain/subnet-metagraph/<netuid> (kami-client 1.2.2,
/// types.py: SubnetMetagraph), with or without its `{"data": …}` around it. Of it netuid, block,
/// hotkeys, coldkeys, validatorPermit and totalStake are looked at; a uid is a place in the lists.
/// @return an error that names the field if one is missing or of another kind, the lists differ in
/// length, an address is none, a hotkey comes twice, a stake is negative or no number, there are
/// more than 65,536 neurons, or none; `{"statusCode", "error"}` is an error with its text.
Result<Metagraph> parse_metagraph(std::string_view json);

}  // namespace dojo::access
