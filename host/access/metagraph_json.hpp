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

#include "access/metagraph.hpp"

namespace dojo::access {

/// uids are 16 bits.
inline constexpr std::size_t kMostNeurons = 65'536;

/// A key that is written as an SS58 address.
struct AddressJson {
  wire::PublicKey key{};
};

/// A list of no more than kMostNeurons.
template <class T>
struct NeuronList : std::vector<T> {};

/// A flag, apart from std::vector<bool>.
struct FlagJson {
  FlagJson() = default;
  FlagJson(bool given)
      : value(given) {}  // NOLINT(google-explicit-constructor) a bool by another name
  operator bool() const { return value; }  // NOLINT(google-explicit-constructor) likewise
  bool value = false;
};

struct MetagraphJson {
  std::uint16_t netuid = 0;
  std::uint64_t block = 0;
  NeuronList<AddressJson> hotkeys{};
  NeuronList<AddressJson> coldkeys{};
  NeuronList<FlagJson> permits{};
  NeuronList<double> stakes{};
};
DOJO_MODEL(MetagraphJson, netuid, block, hotkeys, coldkeys, DOJO_NAMED(permits, "validatorPermit"),
           DOJO_NAMED(stakes, "totalStake"))

/// The words of an answer that is an error; nothing if it is none, or no JSON.
std::optional<std::string> refusal_of_kami(std::string_view json);

/// A metagraph so that parse_metagraph() reads it.
Result<std::string> metagraph_json(const Metagraph& metagraph);

}  // namespace dojo::access

namespace dojo::detail {

template <>
struct Json<access::AddressJson> {
  static bool read(od::value value, access::AddressJson& out, int, Fault& fault) {
    std::string_view text;
    if (value.get_string().get(text)) return expected("string", value, fault);
    const auto address = wire::decode_ss58(text);
    if (!address) {
      fault.what = "no SS58 address: " + address.error().message;
      return false;
    }
    out.key = address->key;
    return true;
  }
  static bool write(Writer& out, const access::AddressJson& value, Fault&) {
    return write_string(out, wire::encode_ss58(value.key));
  }
};

template <>
struct Json<access::FlagJson> {
  static bool read(od::value value, access::FlagJson& out, int depth, Fault& fault) {
    return Json<bool>::read(value, out.value, depth, fault);
  }
  static bool write(Writer& out, access::FlagJson value, Fault&) { return out.Bool(value.value); }
};

template <class T>
struct Json<access::NeuronList<T>> {
  static bool read(od::value value, access::NeuronList<T>& out, int depth, Fault& fault) {
    od::array array;
    if (value.get_array().get(array)) return expected("array", value, fault);
    out.clear();
    for (auto item : array) {
      if (out.size() == access::kMostNeurons) {
        fault.what = "has more than " + std::to_string(access::kMostNeurons) + " members";
        return false;
      }
      od::value element;
      if (const auto error = item.get(element)) return invalid_json(error, fault);
      if (!Json<T>::read(element, out.emplace_back(), depth + 1, fault)) {
        fault.inside(out.size() - 1);
        return false;
      }
    }
    return true;
  }
  static bool write(Writer& out, const access::NeuronList<T>& value, Fault& fault) {
    return Json<std::vector<T>>::write(out, value, fault);
  }
};

}  // namespace dojo::detail
