// DOJO_MODEL and DOJO_ENUM. Fields are given by name, as DOJO_DEFAULT(name), as
// DOJO_NAMED(member, "key"), as DOJO_NAMED_DEFAULT(member, "key"), or as DOJO_FIELD(name, …).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <dojo/cxx20.hpp>
#include <dojo/json/for_each.hpp>

namespace dojo::detail {

template <class T>
inline constexpr bool kIsOptional = false;  // see json/fields.hpp

template <class Owner, class T, class... Constraints>
struct Field {
  std::string_view name;
  T Owner::* member;
  bool has_default;
  std::tuple<Constraints...> constraints{};
  using Type = T;
  static constexpr std::size_t kCount = sizeof...(Constraints);
  [[nodiscard]] constexpr bool required() const { return !has_default && !kIsOptional<T>; }
};

/// See dojo::kDefault and dojo::named().
struct Default {};
struct Named {
  std::string_view key;
};

template <class T>
inline constexpr bool kIsOption = requires { T::kIsConstraint; };
template <>
inline constexpr bool kIsOption<Default> = true;
template <>
inline constexpr bool kIsOption<Named> = true;

template <class Owner, class T>
constexpr Field<Owner, T> field(T Owner::* member, std::string_view name) {
  return {name, member, false};
}
template <class Owner, class T>
constexpr Field<Owner, T> field(T Owner::* member, std::string_view name, Default) {
  return {name, member, true};
}
template <class Owner, class T, class... Options>
constexpr auto field(T Owner::* member, std::string_view name, Options... options) {
  static_assert((kIsOption<Options> && ...),
                "DOJO_FIELD takes the member and dojo::kDefault, named, describe, min, max, "
                "exclusive_min, exclusive_max, min_length, max_length, pattern, one_of, each: this "
                "is none of them");
  const auto look_at = [&](const auto& option) {
    using Option = std::decay_t<decltype(option)>;
    if constexpr (std::is_same_v<Option, Named>) name = option.key;
    if constexpr (requires { Option::kIsConstraint; }) {
      return std::tuple(option);
    } else {
      return std::tuple<>();
    }
  };
  auto constraints = std::tuple_cat(look_at(options)...);
  return std::apply(
      [&](const auto&... each) {
        return Field<Owner, T, std::decay_t<decltype(each)>...>{
            name, member, (std::is_same_v<Options, Default> || ...), {each...}};
      },
      constraints);
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

namespace dojo {

/// In DOJO_FIELD: as DOJO_DEFAULT.
inline constexpr detail::Default kDefault{};
/// In DOJO_FIELD: as DOJO_NAMED.
constexpr detail::Named named(std::string_view key) {
  return {key};
}

}  // namespace dojo

/// In DOJO_MODEL: the field may be missing, and then keeps what the struct's initializer gave it.
#define DOJO_DEFAULT(member) (member, #member, ::dojo::kDefault)
/// In DOJO_MODEL: the field's key in JSON is another than the member's name.
#define DOJO_NAMED(member, key) (member, key)
/// Both.
#define DOJO_NAMED_DEFAULT(member, key) (member, key, ::dojo::kDefault)
/// In DOJO_MODEL: a field of which more is asked (json/constraints.hpp):
/// `DOJO_FIELD(top_k, dojo::kDefault, dojo::min(1), dojo::max(100), dojo::describe("how many"))`.
#define DOJO_FIELD(member, ...) (member, #member __VA_OPT__(, ) __VA_ARGS__)

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

#define DOJO_DETAIL_FIELD(Type, item) DOJO_DETAIL_FIELD_2(Type, DOJO_DETAIL_MEMBER(item))
#define DOJO_DETAIL_FIELD_2(Type, ...) DOJO_DETAIL_FIELD_3(Type, __VA_ARGS__)
#define DOJO_DETAIL_FIELD_3(Type, member, ...) ::dojo::detail::field(&Type::member, __VA_ARGS__)

// A plain `name` becomes `name, "name"`; what is in parentheses already is taken out of them.
#define DOJO_DETAIL_MEMBER(item) \
  DOJO_DETAIL_PICK(DOJO_DETAIL_PROBE item, DOJO_DETAIL_OPEN, DOJO_DETAIL_NAME)(item)
#define DOJO_DETAIL_PROBE(...) ~, ~
#define DOJO_DETAIL_PICK(...) DOJO_DETAIL_PICK_3(__VA_ARGS__)
#define DOJO_DETAIL_PICK_3(first, second, third, ...) third
#define DOJO_DETAIL_NAME(name) name, #name
#define DOJO_DETAIL_OPEN(item) DOJO_DETAIL_OPEN_2 item
#define DOJO_DETAIL_OPEN_2(...) __VA_ARGS__
