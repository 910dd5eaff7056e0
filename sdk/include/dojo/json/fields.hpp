// How each type that a model's field may have is read, written and described.
#pragma once

#include <array>
#include <bitset>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
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

#include <dojo/json/fault.hpp>
#include <dojo/json/macros.hpp>
#include <dojo/json/reader.hpp>
#include <dojo/json/schema.hpp>
#include <dojo/json/writer.hpp>

namespace dojo {

/// JSON that is passed through as it is. Read: the value's own text, checked to be valid JSON.
/// Written: checked once more.
struct RawJson {
  std::string text = "null";
};

namespace detail {

/// How a T is read, written and described. Specialised below for everything a field may be; this
/// one stands in for the rest, once an assertion has said what is wrong, so that nothing else is
/// said.
template <class T>
struct Json {
  static constexpr bool kNone = true;
  static bool read(JsonReader&, const T&, Fault&) { return false; }
  static bool write(JsonWriter&, const T&, Fault&) { return false; }
  static void schema(SchemaWriter&) {}
};

/// Becomes a pointer to this very type, and to no base of it: what is derived from a model is none,
/// since it would be sent without the fields of its own.
template <class T>
struct Exactly {
  template <std::same_as<const T*> Pointer>
  operator Pointer() const;  // NOLINT(google-explicit-constructor)
};

template <class T>
concept HasFields = requires(Exactly<T> type) { dojo_fields(type); };

template <class T>
concept HasNames = std::is_enum_v<T> && requires(const T* type) { dojo_enum_names(type); };

template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

/// Characters are neither texts nor numbers here, and of an integer 64 bits are the most.
template <class T>
concept JsonInteger =
    std::integral<T> && std::same_as<T, std::remove_cv_t<T>> && sizeof(T) <= sizeof(std::int64_t) &&
    !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;
template <class T>
concept JsonFloat = std::same_as<T, float> || std::same_as<T, double>;

template <class T>
concept HasJson = !requires { Json<T>::kNone; };

/// A concept, so that Json of a model, which asks this of its own fields, is not asked for.
template <class T>
concept HasFieldsOrJson = HasFields<T> || HasJson<T>;

/// Whether a field may be of this type.
template <class T>
inline constexpr bool kMayBeField = !std::is_const_v<T> && HasFieldsOrJson<T>;
template <class T>
inline constexpr bool kMayBeField<std::optional<T>> = !kIsOptional<T> && kMayBeField<T>;
template <class T>
inline constexpr bool kMayBeField<std::vector<T>> = kMayBeField<T>;
template <class T>
inline constexpr bool kMayBeField<std::map<std::string, T>> = kMayBeField<T>;
template <class T>
inline constexpr bool kMayBeField<std::unordered_map<std::string, T>> = kMayBeField<T>;

/// Says what is wrong with a field, in one error that names it, its type and its model.
template <class Model, FieldName Field, class Type>
struct FieldOf {
  static_assert(
      kMayBeField<Type>,
      "DOJO_MODEL: no field may be of this type. A struct needs a DOJO_MODEL of its own (a "
      "base's does not count), an enum DOJO_ENUM, a map std::string as its key; nothing is "
      "const. dojo/model.hpp has the list");
};

template <class T>
inline constexpr auto kFieldsOf = dojo_fields(static_cast<const T*>(nullptr));
template <class T, std::size_t I>
inline constexpr auto kFieldAt = std::get<I>(kFieldsOf<T>);
template <class T, class Indices>
inline constexpr bool kFieldsChecked = false;
template <class T, std::size_t... I>
inline constexpr bool kFieldsChecked<T, std::index_sequence<I...>> =
    ((sizeof(FieldOf<T, FieldName<kFieldAt<T, I>.name.size()>(kFieldAt<T, I>.name),
                     typename decltype(kFieldAt<T, I>)::Type>) != 0) &&
     ...);

/// A model's name without the namespaces and classes around it: the route's name.
constexpr std::string_view unqualified(std::string_view name) {
  const auto colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

/// Says why a value was not read: what was wanted, and of what kind it is. The kind alone: what a
/// caller sent is not sent back, nor written to a log. @return false
inline bool refused(JsonReader& reader, std::string_view wanted, JsonKind wanted_kind,
                    Fault& fault) {
  const auto kind = reader.kind();
  if (kind) {
    fault.what = "expected " + std::string(wanted) + ", got " +
                 (*kind == wanted_kind ? "another " : "") + std::string(to_string(*kind));
  } else {
    fault.what = reader.why();
  }
  return false;
}

template <>
struct Json<bool> {
  static bool read(JsonReader& in, bool& out, Fault& fault) {
    return in.boolean(out) == JsonReader::Read::yes ||
           refused(in, "boolean", JsonKind::boolean, fault);
  }
  static bool write(JsonWriter& out, bool value, Fault&) {
    out.boolean(value);
    return true;
  }
  static void schema(SchemaWriter& out) { out.type("boolean"); }
};

template <JsonInteger T>
struct Json<T> {
  static bool read(JsonReader& in, T& out, Fault& fault) {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    Wide wide = 0;
    const auto read = in.integer(wide);
    if (read == JsonReader::Read::yes && std::in_range<T>(wide)) {
      out = static_cast<T>(wide);
      return true;
    }
    const auto wanted = "integer from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                        std::to_string(std::numeric_limits<T>::max());
    if (read != JsonReader::Read::yes) return refused(in, wanted, JsonKind::number, fault);
    fault.what = "expected " + wanted + ", got another number";
    return false;
  }
  static bool write(JsonWriter& out, T value, Fault&) {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    out.integer(static_cast<Wide>(value));
    return true;
  }
  static void schema(SchemaWriter& out) {
    out.out().begin_object();
    out.member("type", "integer");
    out.out().key("minimum");
    out.out().integer(static_cast<std::int64_t>(std::numeric_limits<T>::min()));
    out.out().key("maximum");
    out.out().integer(static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
    out.out().end_object();
  }
};

template <JsonFloat T>
struct Json<T> {
  static bool read(JsonReader& in, T& out, Fault& fault) {
    double wide = 0;
    const auto read = in.number(wide);
    if (read == JsonReader::Read::yes) {
      out = static_cast<T>(wide);
      if (std::isfinite(out)) return true;
    } else if (read == JsonReader::Read::broken || in.kind() != JsonKind::number) {
      return refused(in, "number", JsonKind::null, fault);
    }
    fault.what = "number out of range";
    return false;
  }
  static bool write(JsonWriter& out, T value, Fault& fault) {
    if (std::isfinite(value)) {
      out.number(static_cast<double>(value));
      return true;
    }
    fault.what = "NaN and infinity cannot be written as JSON";
    return false;
  }
  static void schema(SchemaWriter& out) { out.type("number"); }
};

template <>
struct Json<std::string> {
  static bool read(JsonReader& in, std::string& out, Fault& fault) {
    std::string_view text;
    if (in.string(text) != JsonReader::Read::yes) {
      return refused(in, "string", JsonKind::string, fault);
    }
    out.assign(text);
    return true;
  }
  static bool write(JsonWriter& out, const std::string& value, Fault& fault) {
    if (out.string(value)) return true;
    fault.what = "text is not valid UTF-8";
    return false;
  }
  static void schema(SchemaWriter& out) { out.type("string"); }
};

template <HasNames T>
struct Json<T> {
  static constexpr auto kNames = dojo_enum_names(static_cast<const T*>(nullptr));
  static std::string choice() {
    std::string text = "one of";
    for (const auto& [name, value] : kNames) text += " \"" + std::string(name) + "\"";
    return text;
  }
  static bool read(JsonReader& in, T& out, Fault& fault) {
    std::string_view text;
    if (in.string(text) != JsonReader::Read::yes) {
      return refused(in, choice(), JsonKind::string, fault);
    }
    for (const auto& [name, enumerator] : kNames) {
      if (name == text) {
        out = enumerator;
        return true;
      }
    }
    fault.what = "expected " + choice() + ", got another string";
    return false;
  }
  static bool write(JsonWriter& out, T value, Fault& fault) {
    for (const auto& [name, enumerator] : kNames) {
      if (enumerator == value) return out.string(name);
    }
    fault.what = "enum value without a name";
    return false;
  }
  static void schema(SchemaWriter& out) {
    out.out().begin_object();
    out.out().key("enum");
    out.out().begin_array();
    for (const auto& [name, value] : kNames) out.out().string(name);
    out.out().end_array();
    out.out().end_object();
  }
};

template <class T>
struct Json<std::optional<T>> {
  static bool read(JsonReader& in, std::optional<T>& out, Fault& fault) {
    if (in.null() == JsonReader::Read::yes) {
      out.reset();
      return true;
    }
    return Json<T>::read(in, out.emplace(), fault);
  }
  static bool write(JsonWriter& out, const std::optional<T>& value, Fault& fault) {
    if (value) return Json<T>::write(out, *value, fault);
    out.null();
    return true;
  }
  static void schema(SchemaWriter& out) {
    out.out().begin_object();
    out.out().key("anyOf");
    out.out().begin_array();
    Json<T>::schema(out);
    out.type("null");
    out.out().end_array();
    out.out().end_object();
  }
};

/// @param most elements; one more is refused before it is read
template <class T>
bool read_array(JsonReader& in, std::vector<T>& out, Fault& fault,
                std::size_t most = std::numeric_limits<std::size_t>::max()) {
  if (in.enter_array() != JsonReader::Read::yes) {
    return refused(in, "array", JsonKind::array, fault);
  }
  out.clear();
  for (;;) {
    const auto next = in.next_element();
    if (next == JsonReader::Next::end) return true;
    if (next == JsonReader::Next::broken) {
      fault.what = in.why();
      return false;
    }
    if (out.size() == most) {
      fault.what = "has more than " + std::to_string(most) + " members";
      return false;
    }
    if (!in.charge(sizeof(T))) {
      fault.what = in.why();
      return false;
    }
    T element{};
    if (!Json<T>::read(in, element, fault)) {
      fault.inside(out.size());
      return false;
    }
    out.push_back(std::move(element));
  }
}

template <class T>
struct Json<std::vector<T>> {
  static bool read(JsonReader& in, std::vector<T>& out, Fault& fault) {
    return read_array(in, out, fault);
  }
  static bool write(JsonWriter& out, const std::vector<T>& value, Fault& fault) {
    out.begin_array();
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (!Json<T>::write(out, value[i], fault)) {
        fault.inside(i);
        return false;
      }
    }
    out.end_array();
    return true;
  }
  static void schema(SchemaWriter& out) {
    out.out().begin_object();
    out.member("type", "array");
    out.out().key("items");
    Json<T>::schema(out);
    out.out().end_object();
  }
};

/// Goes through an object.
/// @param read_value bool(std::string_view key, std::string_view& name): reads the value of a key,
/// and says in `fault` why it cannot; `key` is good until it reads, `name` is the key for longer
/// @return false if the text is no JSON, or the last value of a key was not read
template <class ReadValue>
bool read_object(JsonReader& in, Fault& fault, ReadValue read_value) {
  if (in.enter_object() != JsonReader::Read::yes) {
    return refused(in, "object", JsonKind::object, fault);
  }
  const int here = in.depth();
  ObjectFaults faults;
  std::string_view key;
  for (;;) {
    const auto next = in.next_key(key);
    if (next == JsonReader::Next::end) return !faults.stand(fault);
    if (next == JsonReader::Next::broken) {
      // What was wrong with a value before is said rather, since it names a field.
      if (!faults.stand(fault)) fault.what = in.why();
      return false;
    }
    std::string_view name;
    if (read_value(key, name)) {
      faults.mend(name);
      continue;
    }
    if (in.broken() || !in.leave(here) || !faults.add(name, std::exchange(fault, {}))) {
      Fault first;
      if (faults.stand(first)) fault = std::move(first);
      return false;
    }
  }
}

template <class Map>
struct JsonMap {
  using T = typename Map::mapped_type;
  // With what libstdc++'s trees and tables have beside each, or a little less.
  static constexpr std::size_t kMember = sizeof(typename Map::value_type) + 4 * sizeof(void*);
  static bool read(JsonReader& in, Map& out, Fault& fault) {
    out.clear();
    return read_object(in, fault, [&](std::string_view key, std::string_view& name) {
      if (!in.charge(kMember)) {
        fault.what = in.why();
        return false;
      }
      const auto [slot, is_new] = out.try_emplace(std::string(key));
      if (!is_new) slot->second = T{};
      name = slot->first;
      if (Json<T>::read(in, slot->second, fault)) return true;
      fault.inside_key(name);
      return false;
    });
  }
  static bool write(JsonWriter& out, const Map& value, Fault& fault) {
    out.begin_object();
    for (const auto& [key, element] : value) {
      if (!out.key(key)) {
        fault.what = "a key is not valid UTF-8";
        return false;
      }
      if (!Json<T>::write(out, element, fault)) {
        fault.inside_key(key);
        return false;
      }
    }
    out.end_object();
    return true;
  }
  static void schema(SchemaWriter& out) {
    out.out().begin_object();
    out.member("type", "object");
    out.out().key("additionalProperties");
    Json<T>::schema(out);
    out.out().end_object();
  }
};

template <class T>
struct Json<std::map<std::string, T>> : JsonMap<std::map<std::string, T>> {};
template <class T>
struct Json<std::unordered_map<std::string, T>> : JsonMap<std::unordered_map<std::string, T>> {};

template <HasFields T>
struct Json<T> {
  static constexpr auto kFields = kFieldsOf<T>;
  static constexpr std::size_t kCount = std::tuple_size_v<decltype(kFields)>;
  static_assert(kFieldsChecked<T, std::make_index_sequence<kCount>>);
  using Seen = std::bitset<kCount>;

  static bool read(JsonReader& in, T& out, Fault& fault) {
    constexpr auto kEach = std::make_index_sequence<kCount>();
    Seen seen;
    return read_object(in, fault,
                       [&](std::string_view key, std::string_view& name) {
                         return read_field(key, name, in, out, seen, fault, kEach);
                       }) &&
           complete(seen, fault, kEach);
  }

  static bool write(JsonWriter& out, const T& value, Fault& fault) {
    out.begin_object();
    const bool good = std::apply(
        [&](const auto&... fields) { return (write_field(out, value, fields, fault) && ...); },
        kFields);
    out.end_object();
    return good;
  }

  static std::string_view name() {
    return unqualified(dojo_model_name(static_cast<const T*>(nullptr)));
  }
  static void schema(SchemaWriter& out) {
    out.reference(&identity_of<T>, name(), [](SchemaWriter& inner) {
      inner.out().begin_object();
      describe(inner);
      inner.out().end_object();
    });
  }

  /// The members of the schema's object.
  static void describe(SchemaWriter& schema) {
    auto& out = schema.out();
    schema.member("title", name());
    schema.member("type", "object");
    out.key("properties");
    out.begin_object();
    std::apply(
        [&](const auto&... fields) {
          ((out.key(fields.name),
            Json<typename std::decay_t<decltype(fields)>::Type>::schema(schema)),
           ...);
        },
        kFields);
    out.end_object();
    out.key("required");
    out.begin_array();
    std::apply(
        [&](const auto&... fields) { ((fields.required() ? out.string(fields.name) : true), ...); },
        kFields);
    out.end_array();
  }

 private:
  template <std::size_t... I>
  static bool read_field([[maybe_unused]] std::string_view key,
                         [[maybe_unused]] std::string_view& name, JsonReader& in,
                         [[maybe_unused]] T& out, [[maybe_unused]] Seen& seen, Fault& fault,
                         std::index_sequence<I...>) {
    bool good = true;
    const bool known =
        ((key == std::get<I>(kFields).name ? (name = std::get<I>(kFields).name,
                                              good = read_member<I>(in, out, seen, fault), true)
                                           : false) ||
         ...);
    if (known) return good;
    if (in.skip()) return true;
    fault.what = in.why();
    return false;
  }

  template <std::size_t I>
  static bool read_member(JsonReader& in, T& out, Seen& seen, Fault& fault) {
    constexpr auto kField = std::get<I>(kFields);
    using Type = typename decltype(kField)::Type;
    if constexpr (kMayBeField<Type>) {
      // Nothing of an earlier value with the same key may shine through a nested model's defaults.
      if (seen[I]) out.*(kField.member) = std::move(T{}.*(kField.member));
    }
    seen.set(I);
    if (Json<Type>::read(in, out.*(kField.member), fault)) return true;
    fault.inside(kField.name);
    return false;
  }

  template <std::size_t... I>
  static bool complete(const Seen& seen, Fault& fault, std::index_sequence<I...>) {
    [[maybe_unused]] const auto missing = [&](std::size_t index, const auto& field) {
      if (seen[index] || !field.required()) return false;
      fault.what = "required field is missing";
      fault.path = field.name;
      return true;
    };
    return !(missing(I, std::get<I>(kFields)) || ...);
  }

  template <class F>
  static bool write_field(JsonWriter& out, const T& value, const F& field, Fault& fault) {
    if constexpr (kMayBeField<typename F::Type>) {
      out.key(field.name);
      if (Json<typename F::Type>::write(out, value.*(field.member), fault)) return true;
      fault.inside(field.name);
    }
    return false;
  }
};

template <>
struct Json<RawJson> {
  static bool read(JsonReader& in, RawJson& out, Fault& fault) {
    std::string_view text;
    if (in.raw(text)) {
      out.text.assign(text);
      return true;
    }
    fault.what = in.why();
    return false;
  }
  static bool write(JsonWriter& out, const RawJson& value, Fault& fault) {
    JsonReader reader(value.text);
    if (!reader.skip() || !reader.finish()) {
      fault.what = reader.why();
      return false;
    }
    out.raw(value.text);
    return true;
  }
  static void schema(SchemaWriter& out) {
    out.out().begin_object();
    out.out().end_object();
  }
};

}  // namespace detail
}  // namespace dojo
