// Who is registered on the subnet: uid, coldkey, validator permit and stake of each hotkey.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dojo/result.hpp>

#include "policy/visit.hpp"
#include "wire/key_hash.hpp"

namespace dojo::policy {

struct Neuron {
  std::uint16_t uid = 0;
  wire::PublicKey hotkey{};
  wire::PublicKey coldkey{};
  bool validator_permit = false;
  double stake =
      0;  ///< totalStake, in the unit of the source (Kami: the subnet's alpha, in whole tokens)
};

/// One state of a subnet. A uid whose hotkey is the null key (32 zero bytes) is an empty slot, and
/// a hotkey that several uids have is nobody's: such neurons keep their places, and are not found.
/// Immutable; any thread.
class Metagraph {
 public:
  /// @param broken how many of the neurons stand for what could not be read, and for a person,
  /// which; their hotkeys are the null key
  struct Broken {
    std::size_t count = 0;
    std::string first;
  };
  Metagraph(std::uint16_t netuid, std::uint64_t block, std::vector<Neuron> neurons,
            const Broken& broken);
  Metagraph(std::uint16_t netuid, std::uint64_t block, std::vector<Neuron> neurons)
      : Metagraph(netuid, block, std::move(neurons), Broken()) {}

  [[nodiscard]] std::uint16_t netuid() const { return netuid_; }
  [[nodiscard]] std::uint64_t block() const { return block_; }
  /// By uid, those that are nobody included.
  [[nodiscard]] const std::vector<Neuron>& neurons() const { return neurons_; }
  /// How many of them are somebody.
  [[nodiscard]] std::size_t registered() const { return by_hotkey_.size(); }
  /// For a person: which are not, and why. Empty: all are.
  [[nodiscard]] const std::string& set_aside() const { return set_aside_; }
  /// Null for a hotkey that is not registered.
  [[nodiscard]] const Neuron* find(const wire::PublicKey& hotkey) const;
  /// A number that is another one for other hotkeys, within this process.
  [[nodiscard]] std::uint64_t roll() const { return roll_; }
  /// Mean stake of those with a validator permit and any stake; 0 if there is none.
  [[nodiscard]] double mean_validator_stake() const { return mean_validator_stake_; }

 private:
  std::uint16_t netuid_;
  std::uint64_t block_;
  std::vector<Neuron> neurons_;
  std::string set_aside_;
  std::unordered_map<wire::PublicKey, std::size_t, wire::KeyHash> by_hotkey_;
  double mean_validator_stake_ = 0;
  std::uint64_t roll_ = 1;
};

/// Reads what Kami answers to GET /chain/subnet-metagraph/<netuid> (kami-client 1.2.2,
/// types.py: SubnetMetagraph), with or without its `{"data": …}` around it. Of it netuid, block,
/// hotkeys, coldkeys, validatorPermit and totalStake are looked at; a uid is a place in the lists.
/// A neuron with a text that is no address, or a negative stake, is set aside as an empty slot is.
/// @return an error that names the field if one is missing or of another kind, the lists differ in
/// length, a stake is no number, there are more than 65,536 neurons, or none that is somebody;
/// `{"statusCode", "error"}` is an error with its text.
Result<Metagraph> parse_metagraph(std::string_view json);

}  // namespace dojo::policy
