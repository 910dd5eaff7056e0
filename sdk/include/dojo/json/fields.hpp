// How a model is read, written and described, field by field.
#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <dojo/json/bytes.hpp>
#include <dojo/json/chrono.hpp>
#include <dojo/json/constraints.hpp>
#include <dojo/json/containers.hpp>
#include <dojo/json/json.hpp>
#include <dojo/json/values.hpp>
#include <dojo/json/variant.hpp>

namespace dojo {

namespace detail {

/// Says what is wrong with a field, in one error that names it, its type and its model.
template <class Model, FieldName Field, class Type>
struct FieldOf {
  static_assert(
      kMayBeField<Type>,
      "DOJO_MODEL: no field may be of this type. A struct needs a DOJO_MODEL of its own (a "
      "base's does not count), an enum DOJO_ENUM, a map std::string as its key, a type of your own "
      "dojo::Json<T>; nothing is const. dojo/model.hpp has the list");
};

/// The same of what is asked of a field.
template <class Model, FieldName Field, class Type, class Constraint, bool kFits>
struct ConstraintOf {
  static_assert(
      kFits,
      "DOJO_FIELD: this cannot be asked of a field of this type. min, max and the like take "
      "numbers "
      "that the field can hold, integers for integers; min_length and max_length are for "
      "std::string, std::vector and maps, pattern for std::string, one_of for numbers and "
      "std::string, each for what has elements that it fits");
};

template <class T, std::size_t I>
inline constexpr auto kFieldAt = std::get<I>(kFieldsOf<T>);
template <class T, std::size_t I>
inline constexpr FieldName<kFieldAt<T, I>.name.size()> kNameAt(kFieldAt<T, I>.name);

template <class T, std::size_t I>
inline constexpr bool kFitsAt = std::apply(
    [](const auto&... constraints) {
      return (fits<typename decltype(kFieldAt<T, I>)::Type>(constraints) && ...);
    },
    kFieldAt<T, I>.constraints);

template <class T, std::size_t I, std::size_t... K>
constexpr bool check_constraints(std::index_sequence<K...>) {
  using Type = typename decltype(kFieldAt<T, I>)::Type;
  return (
      (sizeof(
           ConstraintOf<T, kNameAt<T, I>, Type,
                        std::tuple_element_t<K, std::decay_t<decltype(kFieldAt<T, I>.constraints)>>,
                        fits<Type>(std::get<K>(kFieldAt<T, I>.constraints))>) != 0) &&
      ...);
}
template <class T, std::size_t I>
constexpr bool check_field() {
  using Field = std::decay_t<decltype(kFieldAt<T, I>)>;
  if constexpr (Field::kCount != 0 && kMayBeField<typename Field::Type>) {
    return check_constraints<T, I>(std::make_index_sequence<Field::kCount>());
  }
  return sizeof(FieldOf<T, kNameAt<T, I>, typename Field::Type>) != 0;
}
template <class T, class Indices>
inline constexpr bool kFieldsChecked = false;
template <class T, std::size_t... I>
inline constexpr bool kFieldsChecked<T, std::index_sequence<I...>> = (check_field<T, I>() && ...);

/// A model's name without the namespaces and classes around it: the route's name.
constexpr std::string_view unqualified(std::string_view name) {
  const auto colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

}  // namespace detail

template <detail::HasFields T>
struct Json<T> {
  static constexpr auto kFields = detail::kFieldsOf<T>;
  static constexpr std::size_t kCount = std::tuple_size_v<decltype(kFields)>;
  static_assert(detail::kFieldsChecked<T, std::make_index_sequence<kCount>>);
  static constexpr JsonKinds kKinds{JsonKind::object};
  using Seen = std::bitset<kCount>;

  static bool read(JsonReader& in, T& out, Fault& fault) {
    constexpr auto kEach = std::make_index_sequence<kCount>();
    Seen seen;
    return detail::read_object(
        in, fault,
        [&](std::string_view key, std::string_view& name) {
          return read_field(key, name, in, out, seen, fault, kEach);
        },
        [&] { return complete(seen, fault, kEach); });
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
    return detail::unqualified(dojo_model_name(static_cast<const T*>(nullptr)));
  }
  static void describe(SchemaWriter& out) {
    out.reference(&detail::identity_of<T>, name(), &describe_model);
  }

  /// The members of the model's own schema.
  static void describe_model(SchemaWriter& schema) {
    auto& out = schema.out();
    schema.member("title", name());
    schema.member("type", "object");
    out.key("properties");
    out.begin_object();
    std::apply(
        [&](const auto&... fields) {
          (schema.object(fields.name, [&] { describe_field(schema, fields); }), ...);
        },
        kFields);
    out.end_object();
    schema.list("required", [&] {
      std::apply(
          [&](const auto&... fields) {
            ((fields.required() ? out.string(fields.name) : true), ...);
          },
          kFields);
    });
  }

 private:
  template <class F>
  static void describe_field(SchemaWriter& schema, const F& field) {
    detail::describe_constrained<typename F::Type>(schema, field.constraints);
  }

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
    return in.skip() || fault.add(in.why());
  }

  template <std::size_t I>
  static bool read_member(JsonReader& in, T& out, Seen& seen, Fault& fault) {
    constexpr auto kField = std::get<I>(kFields);
    using Type = typename decltype(kField)::Type;
    if constexpr (detail::kMayBeField<Type> && detail::kFitsAt<T, I>) {
      // Nothing of an earlier value with the same key may shine through a nested model's defaults.
      if (seen[I]) out.*(kField.member) = std::move(T{}.*(kField.member));
      seen.set(I);
      return detail::read_constrained(in, out.*(kField.member), fault, kField.constraints);
    }
    return false;
  }

  /// Whether all is there that has to be, as far as there is room to say what is not.
  template <std::size_t... I>
  static bool complete(const Seen& seen, Fault& fault, std::index_sequence<I...>) {
    bool good = true;
    [[maybe_unused]] const auto look_at = [&](std::size_t index, const auto& field) {
      if (seen[index] || !field.required() || (!good && fault.is_full())) return;
      good = fault.add("required field is missing");
      fault.inside(field.name, fault.size() - 1);
    };
    (look_at(I, std::get<I>(kFields)), ...);
    return good;
  }

  template <class F>
  static bool write_field(JsonWriter& out, const T& value, const F& field, Fault& fault) {
    if constexpr (detail::kMayBeField<typename F::Type>) {
      out.key(field.name);
      if (Json<typename F::Type>::write(out, value.*(field.member), fault)) return true;
      fault.inside(field.name);
    }
    return false;
  }
};

}  // namespace dojo
