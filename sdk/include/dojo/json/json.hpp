// Where a type of an author's own becomes one that a model's field may have.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

#include <dojo/json/fault.hpp>
#include <dojo/json/macros.hpp>
#include <dojo/json/reader.hpp>
#include <dojo/json/schema.hpp>
#include <dojo/json/writer.hpp>

namespace dojo {

/// How a T is read, written and described. Specialise it for a type of your own, and a model's
/// field may be one, also inside of a vector, a map and the rest:
///
///   template <>
///   struct dojo::Json<Colour> {
///     static constexpr dojo::JsonKinds kKinds{dojo::JsonKind::string};
///     static bool read(dojo::JsonReader& in, Colour& out, dojo::Fault& fault) {
///       std::string_view text;
///       if (in.string(text) != dojo::JsonReader::Read::yes) return in.refuse(fault, "colour");
///       return parse(text, out) || fault.add("expected colour such as #ff8800");
///     }
///     static bool write(dojo::JsonWriter& out, const Colour& value, dojo::Fault& fault) {
///       return out.string(format(value)) || fault.add("no UTF-8");
///     }
///     static void describe(dojo::SchemaWriter& out) { out.member("type", "string"); }
///   };
///
/// `read` reads one value into `out`, which is as T{} is; or says why it cannot in `fault`, and
/// returns false. What it has not read by then is passed over. `write` writes one value, or does
/// the same. `describe` writes the members of the JSON Schema's object. `kKinds` may be left out:
/// it says which alternative of a std::variant is read, and there a type without it may be
/// anything. Any thread may call them.
template <class T>
struct Json {
  // Stands in for what is not specialised, once an assertion has said what is wrong, so that
  // nothing else is said.
  static constexpr bool kNone = true;
  static bool read(JsonReader&, const T&, Fault&) { return false; }
  static bool write(JsonWriter&, const T&, Fault&) { return false; }
  static void describe(SchemaWriter&) {}
};

namespace detail {

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
inline constexpr auto kFieldsOf = dojo_fields(static_cast<const T*>(nullptr));

template <class T>
concept HasNames = std::is_enum_v<T> && requires(const T* type) { dojo_enum_names(type); };

template <class T>
concept HasJson = !requires { Json<T>::kNone; };

/// A concept, so that Json of a model, which asks this of its own fields, is not asked for.
template <class T>
concept HasFieldsOrJson = HasFields<T> || HasJson<T>;

/// Whether a field may be of this type.
template <class T>
inline constexpr bool kMayBeField = !std::is_const_v<T> && HasFieldsOrJson<T>;

template <class T>
inline constexpr JsonKinds kKindsOf = JsonKinds::all();
template <class T>
  requires requires { Json<T>::kKinds; }
inline constexpr JsonKinds kKindsOf<T> = Json<T>::kKinds;

/// Characters are neither texts nor numbers here, and of an integer 64 bits are the most.
template <class T>
concept JsonInteger =
    std::integral<T> && std::same_as<T, std::remove_cv_t<T>> && sizeof(T) <= sizeof(std::int64_t) &&
    !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;
template <class T>
concept JsonFloat = std::same_as<T, float> || std::same_as<T, double>;

}  // namespace detail
}  // namespace dojo
