// DOJO_MODEL and DOJO_ENUM. Fields are given by name, as DOJO_DEFAULT(name), as
// DOJO_NAMED(member, "key"), or as DOJO_NAMED_DEFAULT(member, "key").
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

#include <dojo/cxx20.hpp>
#include <dojo/json/for_each.hpp>

namespace dojo::detail {

template <class T>
inline constexpr bool kIsOptional = false;  // see json/fields.hpp

template <class Owner, class T>
struct Field {
  std::string_view name;
  T Owner::* member;
  bool has_default;
  using Type = T;
  [[nodiscard]] constexpr bool required() const { return !has_default && !kIsOptional<T>; }
};

template <class Owner, class T>
constexpr Field<Owner, T> field(std::string_view name, T Owner::* member, bool has_default) {
  return {name, member, has_default};
}

/// A field's name as a template's argument, so that compilers tell it.
template <std::size_t N>
struct FieldName {
  char text[N + 1] = {};
  constexpr explicit FieldName(std::string_view name) {
    for (std::size_t i = 0; i < N; ++i) text[i] = name[i];
  }
};

inline constexpr std::size_t kMostItems = 128;  // see DOJO_DETAIL_FOR_EACH

/// How many items a macro's arguments are, by the commas that stand in no parentheses or quotes.
constexpr std::size_t count_items(std::string_view arguments) {
  std::size_t count = arguments.empty() ? 0 : 1;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const char c = arguments[i];
    if (quoted && c == '\\') ++i;
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    depth += (c == '(' ? 1 : 0) - (c == ')' ? 1 : 0);
    count += c == ',' && depth == 0 ? 1 : 0;
  }
  return count;
}

}  // namespace dojo::detail

/// In DOJO_MODEL: the field may be missing, and then keeps what the struct's initializer gave it.
#define DOJO_DEFAULT(member) (member, #member, true)
/// In DOJO_MODEL: the field's key in JSON is another than the member's name.
#define DOJO_NAMED(member, key) (member, key, false)
/// Both.
#define DOJO_NAMED_DEFAULT(member, key) (member, key, true)

/// Makes `Type` a model with these fields (128 at most). Stands in the namespace of `Type`, behind
/// it.
#define DOJO_MODEL(Type, ...)                                                            \
  static_assert(::dojo::detail::count_items(#__VA_ARGS__) <= ::dojo::detail::kMostItems, \
                "DOJO_MODEL(" #Type                                                      \
                "): a model has 128 fields at most; put some of them into a "            \
                "struct of their own");                                                  \
  [[maybe_unused]] constexpr ::std::string_view dojo_model_name(const Type*) {           \
    return #Type;                                                                        \
  }                                                                                      \
  [[maybe_unused]] constexpr auto dojo_fields(const Type*) {                             \
    return ::std::tuple{DOJO_DETAIL_FOR_EACH(DOJO_DETAIL_FIELD, Type, __VA_ARGS__)};     \
  }

/// Makes `Type` an enum that is written by the names of its enumerators.
#define DOJO_ENUM(Type, ...)                                                             \
  static_assert(::dojo::detail::count_items(#__VA_ARGS__) <= ::dojo::detail::kMostItems, \
                "DOJO_ENUM(" #Type "): an enum has 128 names at most");                  \
  [[maybe_unused]] constexpr auto dojo_enum_names(const Type*) {                         \
    return ::std::array<::std::pair<::std::string_view, Type>,                           \
                        ::dojo::detail::count_items(#__VA_ARGS__)>{                      \
        DOJO_DETAIL_FOR_EACH(DOJO_DETAIL_ENUMERATOR, Type, __VA_ARGS__)};                \
  }

#define DOJO_DETAIL_ENUMERATOR(Type, name) \
  ::std::pair<::std::string_view, Type> {  \
    #name, Type::name                      \
  }

#define DOJO_DETAIL_FIELD(Type, item) DOJO_DETAIL_FIELD_2(Type, DOJO_DETAIL_TRIPLE(item))
#define DOJO_DETAIL_FIELD_2(Type, ...) DOJO_DETAIL_FIELD_3(Type, __VA_ARGS__)
#define DOJO_DETAIL_FIELD_3(Type, member, key, has_default) \
  ::dojo::detail::field(key, &Type::member, has_default)

// A plain `name` becomes `name, "name", false`; what is in parentheses already is taken out of
// them.
#define DOJO_DETAIL_TRIPLE(item) \
  DOJO_DETAIL_PICK(DOJO_DETAIL_PROBE item, DOJO_DETAIL_OPEN, DOJO_DETAIL_NAME)(item)
#define DOJO_DETAIL_PROBE(...) ~, ~
#define DOJO_DETAIL_PICK(...) DOJO_DETAIL_PICK_3(__VA_ARGS__)
#define DOJO_DETAIL_PICK_3(first, second, third, ...) third
#define DOJO_DETAIL_NAME(name) name, #name, false
#define DOJO_DETAIL_OPEN(item) DOJO_DETAIL_OPEN_2 item
#define DOJO_DETAIL_OPEN_2(...) __VA_ARGS__
