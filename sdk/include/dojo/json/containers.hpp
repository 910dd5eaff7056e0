// Values that hold others: how each is read, written and described.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dojo/json/json.hpp>

namespace dojo {

namespace detail {

template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

/// Whether null is one of its values already, so that it makes no optional.
template <class T>
inline constexpr bool kHoldsNull = kIsOptional<T>;

template <class T>
inline constexpr bool kMayBeField<std::optional<T>> = !kHoldsNull<T> && kMayBeField<T>;
template <class T>
inline constexpr bool kMayBeField<std::vector<T>> = kMayBeField<T>;
template <class T, std::size_t N>
inline constexpr bool kMayBeField<std::array<T, N>> = kMayBeField<T>;
template <class... Ts>
inline constexpr bool kMayBeField<std::tuple<Ts...>> = (kMayBeField<Ts> && ...);
template <class A, class B>
inline constexpr bool kMayBeField<std::pair<A, B>> = kMayBeField<A> && kMayBeField<B>;
template <class T>
inline constexpr bool kMayBeField<std::map<std::string, T>> = kMayBeField<T>;
template <class T>
inline constexpr bool kMayBeField<std::unordered_map<std::string, T>> = kMayBeField<T>;

/// How a value is read that nothing more is asked of.
struct ReadJson {
  template <class T>
  bool operator()(JsonReader& in, T& out, Fault& fault) const {
    return Json<T>::read(in, out, fault);
  }
};

/// How a value is described that nothing more is asked of.
struct DescribeJson {
  template <class T>
  void operator()(SchemaWriter& out, std::type_identity<T>) const {
    Json<T>::describe(out);
  }
};

struct Limits {
  std::size_t least = 0;
  std::size_t most = std::numeric_limits<std::size_t>::max();  ///< elements; one more is refused
  std::size_t element = 0;  ///< bytes of memory that each takes beside its container's own
};

/// Goes through an array.
/// @param read_element bool(std::size_t index): reads it, or says in `fault` why it cannot
/// @return false if the text is no JSON, or something in the array is wrong
template <class ReadElement>
bool read_array(JsonReader& in, Fault& fault, Limits limits, ReadElement read_element) {
  if (in.enter_array() != JsonReader::Read::yes) return in.refuse(fault, "array");
  const int here = in.depth();
  auto known = fault.size();
  bool good = true;
  for (std::size_t index = 0;; ++index) {
    const auto next = in.next_element();
    if (next == JsonReader::Next::end) {
      if (index >= limits.least) return good;
      return fault.add("has fewer than " + std::to_string(limits.least) + " members");
    }
    if (next == JsonReader::Next::broken) return fault.add(in.why());
    if (index == limits.most) {
      return fault.add("has more than " + std::to_string(limits.most) + " members");
    }
    if (!in.charge(limits.element)) return fault.add(in.why());
    if (read_element(index)) continue;
    good = false;
    fault.ensure(known);
    fault.inside(index, known);
    if (in.broken() || fault.is_full()) return false;
    if (!in.leave(here)) return fault.add(in.why());
    known = fault.size();
  }
}

template <class Array>
bool write_array(JsonWriter& out, const Array& value, Fault& fault) {
  out.begin_array();
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!Json<typename Array::value_type>::write(out, value[i], fault)) {
      fault.inside(i);
      return false;
    }
  }
  out.end_array();
  return true;
}

struct NothingAtEnd {
  bool operator()() const { return true; }
};

/// Goes through an object.
/// @param read_value bool(std::string_view key, std::string_view& name): reads the value of a key,
/// or says in `fault` why it cannot; `key` is good until it reads, `name` is the key for longer, or
/// is left alone for a key that counts for nothing
/// @param at_end bool(): says what else is wrong with the object, once it has ended
/// @return false if the text is no JSON, or the last value of a key was not read
template <bool kIsMap = false, class ReadValue, class AtEnd = NothingAtEnd>
bool read_object(JsonReader& in, Fault& fault, ReadValue read_value, AtEnd at_end = {}) {
  if (in.enter_object() != JsonReader::Read::yes) return in.refuse(fault, "object");
  const int here = in.depth();
  FaultyKeys faulty(fault);
  std::string_view key;
  for (;;) {
    const auto next = in.next_key(key);
    if (next == JsonReader::Next::end) return at_end() && faulty.none();
    if (next == JsonReader::Next::broken) return fault.add(in.why());
    std::string_view name;
    const bool good = read_value(key, name);
    const bool counts = name.data() != nullptr;
    if (good) {
      if (counts) faulty.mend(name);
      continue;
    }
    fault.ensure(faulty.end());
    if (counts) kIsMap ? fault.inside_key(name, faulty.end()) : fault.inside(name, faulty.end());
    if (in.broken() || fault.is_over()) return false;
    faulty.add(name);
    if (!in.leave(here)) return fault.add(in.why());
  }
}

template <class Map>
struct JsonMap {
  using T = typename Map::mapped_type;
  // With what libstdc++'s trees and tables have beside each, or a little less.
  static constexpr std::size_t kMember = sizeof(typename Map::value_type) + 4 * sizeof(void*);
  static constexpr JsonKinds kKinds{JsonKind::object};

  template <class ReadElement = ReadJson>
  static bool read(JsonReader& in, Map& out, Fault& fault, ReadElement read_element = {}) {
    out.clear();
    return read_object<true>(in, fault, [&](std::string_view key, std::string_view& name) {
      if (!in.charge(kMember)) return fault.add(in.why());
      const auto [slot, is_new] = out.try_emplace(std::string(key));
      if (!is_new) slot->second = T{};
      name = slot->first;
      return read_element(in, slot->second, fault);
    });
  }
  static bool write(JsonWriter& out, const Map& value, Fault& fault) {
    out.begin_object();
    for (const auto& [key, element] : value) {
      if (!out.key(key)) return fault.add("a key is not valid UTF-8");
      if (!Json<T>::write(out, element, fault)) {
        fault.inside_key(key);
        return false;
      }
    }
    out.end_object();
    return true;
  }
  template <class DescribeElement = DescribeJson>
  static void describe(SchemaWriter& out, DescribeElement describe_element = {}) {
    out.member("type", "object");
    out.object("additionalProperties", [&] { describe_element(out, std::type_identity<T>()); });
  }
};

/// A std::tuple, or a std::pair. Of an array all members are there.
template <class Tuple, class... Ts>
struct JsonTuple {
  static constexpr JsonKinds kKinds{JsonKind::array};
  static bool read(JsonReader& in, Tuple& out, Fault& fault) {
    return read_array(in, fault, {sizeof...(Ts), sizeof...(Ts)}, [&](std::size_t index) {
      return read_at(in, out, fault, index, std::index_sequence_for<Ts...>());
    });
  }
  static bool write(JsonWriter& out, const Tuple& value, Fault& fault) {
    out.begin_array();
    const bool good = write_each(out, value, fault, std::index_sequence_for<Ts...>());
    out.end_array();
    return good;
  }
  static void describe(SchemaWriter& out) {
    out.member("type", "array");
    if constexpr (sizeof...(Ts) != 0) {
      out.list("prefixItems", [&] { (out.schema<Ts>(), ...); });
    }
    out.member("minItems", sizeof...(Ts));
    out.member("maxItems", sizeof...(Ts));
  }

 private:
  template <std::size_t... I>
  static bool read_at([[maybe_unused]] JsonReader& in, [[maybe_unused]] Tuple& out,
                      [[maybe_unused]] Fault& fault, [[maybe_unused]] std::size_t index,
                      std::index_sequence<I...>) {
    return ((index == I && Json<Ts>::read(in, std::get<I>(out), fault)) || ...);
  }
  template <std::size_t... I>
  static bool write_each([[maybe_unused]] JsonWriter& out, [[maybe_unused]] const Tuple& value,
                         [[maybe_unused]] Fault& fault, std::index_sequence<I...>) {
    [[maybe_unused]] const auto write_one = [&](std::size_t index, bool good) {
      if (!good) fault.inside(index);
      return good;
    };
    return (write_one(I, Json<Ts>::write(out, std::get<I>(value), fault)) && ...);
  }
};

}  // namespace detail

template <class T>
struct Json<std::optional<T>> {
  static constexpr JsonKinds kKinds = JsonKinds(JsonKind::null) | detail::kKindsOf<T>;
  template <class ReadElement = detail::ReadJson>
  static bool read(JsonReader& in, std::optional<T>& out, Fault& fault,
                   ReadElement read_element = {}) {
    if (in.null() == JsonReader::Read::yes) {
      out.reset();
      return true;
    }
    return read_element(in, out.emplace(), fault);
  }
  static bool write(JsonWriter& out, const std::optional<T>& value, Fault& fault) {
    if (value) return Json<T>::write(out, *value, fault);
    out.null();
    return true;
  }
  template <class DescribeElement = detail::DescribeJson>
  static void describe(SchemaWriter& out, DescribeElement describe_element = {}) {
    out.list("anyOf", [&] {
      out.object([&] { describe_element(out, std::type_identity<T>()); });
      out.type("null");
    });
  }
};

template <class T>
struct Json<std::vector<T>> {
  static constexpr JsonKinds kKinds{JsonKind::array};
  /// @param most elements; one more is refused before it is read
  template <class ReadElement = detail::ReadJson>
  static bool read(JsonReader& in, std::vector<T>& out, Fault& fault, ReadElement read_element = {},
                   std::size_t most = detail::Limits{}.most) {
    out.clear();
    return detail::read_array(in, fault, {0, most, sizeof(T)}, [&](std::size_t) {
      T element{};
      if (!read_element(in, element, fault)) return false;
      out.push_back(std::move(element));
      return true;
    });
  }
  static bool write(JsonWriter& out, const std::vector<T>& value, Fault& fault) {
    return detail::write_array(out, value, fault);
  }
  template <class DescribeElement = detail::DescribeJson>
  static void describe(SchemaWriter& out, DescribeElement describe_element = {}) {
    out.member("type", "array");
    out.object("items", [&] { describe_element(out, std::type_identity<T>()); });
  }
};

template <class T, std::size_t N>
struct Json<std::array<T, N>> {
  static constexpr JsonKinds kKinds{JsonKind::array};
  template <class ReadElement = detail::ReadJson>
  static bool read(JsonReader& in, std::array<T, N>& out, Fault& fault,
                   ReadElement read_element = {}) {
    return detail::read_array(
        in, fault, {N, N}, [&](std::size_t index) { return read_element(in, out[index], fault); });
  }
  static bool write(JsonWriter& out, const std::array<T, N>& value, Fault& fault) {
    return detail::write_array(out, value, fault);
  }
  template <class DescribeElement = detail::DescribeJson>
  static void describe(SchemaWriter& out, DescribeElement describe_element = {}) {
    Json<std::vector<T>>::describe(out, describe_element);
    out.member("minItems", N);
    out.member("maxItems", N);
  }
};

template <class... Ts>
struct Json<std::tuple<Ts...>> : detail::JsonTuple<std::tuple<Ts...>, Ts...> {};
template <class A, class B>
struct Json<std::pair<A, B>> : detail::JsonTuple<std::pair<A, B>, A, B> {};

template <class T>
struct Json<std::map<std::string, T>> : detail::JsonMap<std::map<std::string, T>> {};
template <class T>
struct Json<std::unordered_map<std::string, T>>
    : detail::JsonMap<std::unordered_map<std::string, T>> {};

}  // namespace dojo
