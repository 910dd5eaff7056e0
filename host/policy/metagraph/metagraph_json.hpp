// The part of Kami's JSON that is looked at, bounded while it is read: a list of a million empty
// texts is small, and would not be in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/model.hpp>
#include <dojo/wire/ss58.hpp>

#include "policy/metagraph/metagraph.hpp"

namespace dojo::policy {

/// uids are 16 bits.
inline constexpr std::size_t kMostNeurons = 65'536;

/// A key that is written as an SS58 address; one odd address does not lose the others.
struct AddressJson {
  wire::PublicKey key{};
  bool is_address = true;
};

/// A list of no more than kMostNeurons.
template <class T>
struct NeuronList : std::vector<T> {};

struct MetagraphJson {
  std::uint16_t netuid = 0;
  std::uint64_t block = 0;
  NeuronList<AddressJson> hotkeys{};
  NeuronList<AddressJson> coldkeys{};
  NeuronList<bool> permits{};
  NeuronList<double> stakes{};
};
DOJO_MODEL(MetagraphJson, netuid, block, hotkeys, coldkeys, DOJO_NAMED(permits, "validatorPermit"),
           DOJO_NAMED(stakes, "totalStake"))

/// The words of an answer that is an error; nothing if it is none, or no JSON.
std::optional<std::string> refusal_of_kami(std::string_view json);

/// A metagraph so that parse_metagraph() reads it.
Result<std::string> metagraph_json(const Metagraph& metagraph);

}  // namespace dojo::policy

namespace dojo {

template <>
struct Json<policy::AddressJson> {
  static bool read(JsonReader& in, policy::AddressJson& out, Fault& fault) {
    std::string_view text;
    if (in.string(text) != JsonReader::Read::yes) return in.refuse(fault, "string");
    const auto address = wire::decode_ss58(text);
    out.is_address = address.has_value();
    if (address) out.key = address->key;
    return true;
  }
  static bool write(JsonWriter& out, const policy::AddressJson& value, Fault&) {
    return out.string(wire::encode_ss58(value.key));
  }
};

template <class T>
struct Json<policy::NeuronList<T>> {
  static bool read(JsonReader& in, policy::NeuronList<T>& out, Fault& fault) {
    return Json<std::vector<T>>::read(in, out, fault, {}, policy::kMostNeurons);
  }
  static bool write(JsonWriter& out, const policy::NeuronList<T>& value, Fault& fault) {
    return Json<std::vector<T>>::write(out, value, fault);
  }
};

}  // namespace dojo
