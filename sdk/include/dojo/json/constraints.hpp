// What a field may ask of its value beside its type: checked when it is read, with the field's
// path, and shown in the schema. Written is whatever a model holds, as in Pydantic.
//
//   DOJO_MODEL(Ask, DOJO_FIELD(prompt, dojo::min_length(1), dojo::max_length(4000)),
//              DOJO_FIELD(top_k, dojo::kDefault, dojo::min(1), dojo::max(100)),
//              DOJO_FIELD(mode, dojo::one_of("fast", "best"), dojo::describe("how to answer")),
//              DOJO_FIELD(scores, dojo::max_length(256), dojo::each(dojo::min(0.0))))
//
// Of a std::optional they are asked where it has a value. What does not fit its field's type does
// not compile.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dojo/json/containers.hpp>
#include <dojo/json/json.hpp>
#include <dojo/json/values.hpp>

namespace dojo {

namespace detail {

template <class T>
concept JsonNumber = JsonInteger<T> || JsonFloat<T>;

template <class T>
inline constexpr bool kIsCounted = std::same_as<T, std::string>;
template <class T>
inline constexpr bool kIsCounted<std::vector<T>> = !std::same_as<T, std::byte>;
template <class T>
inline constexpr bool kIsCounted<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool kIsCounted<std::unordered_map<std::string, T>> = true;

/// Whether an N can be compared with a T. @param value which T, if it is an integer, can hold
template <class T, class N>
constexpr bool is_number_of(N value) {
  if constexpr (JsonInteger<T> && JsonInteger<N>) return std::in_range<T>(value);
  return JsonFloat<T> && JsonNumber<N>;
}

template <class A, class B>
constexpr bool is_less(A a, B b) {
  if constexpr (JsonInteger<A> && JsonInteger<B>) {
    return std::cmp_less(a, b);
  } else if constexpr (std::same_as<A, float> || std::same_as<B, float>) {
    return static_cast<float>(a) < static_cast<float>(b);  // 0.3f is more than 0.3
  } else {
    return static_cast<double>(a) < static_cast<double>(b);
  }
}

template <class T>
std::string shown(T value) {
  JsonWriter out;
  if constexpr (std::same_as<T, std::string_view>) {
    out.string(value);
  } else if constexpr (JsonFloat<T>) {
    out.number(value);
  } else {
    out.integer(value);
  }
  return std::move(out).take();
}

/// Characters as Unicode counts them, of a text that is UTF-8; members of anything else.
template <class T>
std::size_t length_of(const T& value) {
  if constexpr (std::same_as<T, std::string>) {
    std::size_t count = 0;
    for (const char byte : value) count += (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
    return count;
  } else {
    return value.size();
  }
}

// Each constraint: whether it fits a field's type; whether a value is as it should be; what is
// said of one that is not; the members of the schema.

enum class Side : std::uint8_t { least, above, most, below };

/// A number's bound.
template <Side side, class N>
struct Bound {
  static constexpr bool kIsConstraint = true;
  static constexpr Side kSide = side;
  N bound;

  template <class T>
  [[nodiscard]] constexpr bool fits() const {
    return is_number_of<T>(bound);
  }
  template <class T>
  [[nodiscard]] bool holds(const T& value) const {
    if constexpr (side == Side::least) return !is_less(value, bound);
    if constexpr (side == Side::above) return is_less(bound, value);
    if constexpr (side == Side::most) return !is_less(bound, value);
    if constexpr (side == Side::below) return is_less(value, bound);
  }
  template <class T>
  [[nodiscard]] std::string complaint() const {
    constexpr std::array<std::string_view, 4> kWords = {"at least ", "more than ", "at most ",
                                                        "less than "};
    constexpr bool kLow = side == Side::least || side == Side::above;
    constexpr bool kOpen = side == Side::above || side == Side::below;
    return "expected " + std::string(kWords[static_cast<std::size_t>(side)]) + shown(bound) +
           (kOpen  ? ", got another number"
            : kLow ? ", got less"
                   : ", got more");
  }
  template <class T>
  void describe(SchemaWriter& out) const {
    constexpr std::array<std::string_view, 4> kKeys = {"minimum", "exclusiveMinimum", "maximum",
                                                       "exclusiveMaximum"};
    constexpr auto kKey = kKeys[static_cast<std::size_t>(side)];
    if constexpr (JsonFloat<T>) {
      out.member(kKey, static_cast<double>(bound));
    } else {
      out.member(kKey, bound);
    }
  }
};

template <bool kLeast>
struct Length {
  static constexpr bool kIsConstraint = true;
  std::size_t bound;

  template <class T>
  [[nodiscard]] constexpr bool fits() const {
    return kIsCounted<T>;
  }
  template <class T>
  [[nodiscard]] bool holds(const T& value) const {
    return kLeast ? length_of(value) >= bound : length_of(value) <= bound;
  }
  template <class T>
  [[nodiscard]] std::string complaint() const {
    return "expected " + std::string(kLeast ? "at least " : "at most ") + std::to_string(bound) +
           (std::same_as<T, std::string> ? " characters" : " members") +
           (kLeast ? ", got fewer" : ", got more");
  }
  template <class T>
  void describe(SchemaWriter& out) const {
    constexpr std::string_view kUnit = std::same_as<T, std::string>       ? "Length"
                                       : kKindsOf<T>.has(JsonKind::array) ? "Items"
                                                                          : "Properties";
    out.member((kLeast ? "min" : "max") + std::string(kUnit), bound);
  }
};

struct Pattern {
  static constexpr bool kIsConstraint = true;
  std::string_view expression;
  bool (*matches)(std::string_view);

  template <class T>
  [[nodiscard]] constexpr bool fits() const {
    return std::same_as<T, std::string>;
  }
  [[nodiscard]] bool holds(const std::string& value) const { return matches(value); }
  template <class T>
  [[nodiscard]] std::string complaint() const {
    return "expected string that matches " + std::string(expression) + ", got another";
  }
  template <class T>
  void describe(SchemaWriter& out) const {
    out.member("pattern", expression);
  }
};

template <class V, std::size_t N>
struct OneOf {
  static constexpr bool kIsConstraint = true;
  std::array<V, N> values;

  template <class T>
  [[nodiscard]] constexpr bool fits() const {
    if constexpr (std::same_as<V, std::string_view>) {
      return std::same_as<T, std::string>;
    } else {
      for (const auto value : values) {
        if (!is_number_of<T>(value)) return false;
      }
      return true;
    }
  }
  template <class T>
  [[nodiscard]] bool holds(const T& value) const {
    for (const auto& known : values) {
      if constexpr (std::same_as<V, std::string_view>) {
        if (value == known) return true;
      } else if (!is_less(value, known) && !is_less(known, value)) {
        return true;
      }
    }
    return false;
  }
  template <class T>
  [[nodiscard]] std::string complaint() const {
    std::string text = "expected one of";
    for (const auto& value : values) text += ' ' + shown(value);
    return text + ", got another " + (std::same_as<T, std::string> ? "string" : "number");
  }
  template <class T>
  void describe(SchemaWriter& out) const {
    out.list("enum", [&] {
      for (const auto& value : values) out.out().raw(shown(value));
    });
  }
};

struct Description {
  static constexpr bool kIsConstraint = true;
  std::string_view text;

  template <class T>
  [[nodiscard]] constexpr bool fits() const {
    return true;
  }
  template <class T>
  [[nodiscard]] bool holds(const T&) const {
    return true;
  }
  template <class T>
  [[nodiscard]] std::string complaint() const {
    return {};
  }
  template <class T>
  void describe(SchemaWriter& out) const {
    out.member("description", text);
  }
};

template <class T>
struct ElementOf {};
template <class T>
struct ElementOf<std::vector<T>> {
  using Type = T;
};
template <class T, std::size_t N>
struct ElementOf<std::array<T, N>> {
  using Type = T;
};
template <class T>
struct ElementOf<std::map<std::string, T>> {
  using Type = T;
};
template <class T>
struct ElementOf<std::unordered_map<std::string, T>> {
  using Type = T;
};
template <>
struct ElementOf<std::vector<std::byte>> {};

/// Whether a field of type T may have this constraint; of an optional, its value.
template <class T, class C>
constexpr bool fits(const C& constraint) {
  if constexpr (kIsOptional<T>) {
    return fits<typename T::value_type>(constraint);
  } else {
    return constraint.template fits<T>();
  }
}

/// What is asked of the elements, and not of what holds them.
template <class... Constraints>
struct Each {
  static constexpr bool kIsConstraint = true;
  std::tuple<Constraints...> constraints;

  template <class T>
  [[nodiscard]] constexpr bool fits() const {
    if constexpr (requires { typename ElementOf<T>::Type; }) {
      return std::apply(
          [](const auto&... each) {
            return (detail::fits<typename ElementOf<T>::Type>(each) && ...);
          },
          constraints);
    }
    return false;
  }
  template <class T>
  [[nodiscard]] bool holds(const T&) const {
    return true;  // asked of each element as it was read
  }
  template <class T>
  [[nodiscard]] std::string complaint() const {
    return {};
  }
  template <class T>
  void describe(SchemaWriter&) const {}
};

template <class C>
constexpr std::tuple<> of_elements(const C&) {
  return {};
}
template <class... C>
constexpr std::tuple<C...> of_elements(const Each<C...>& each) {
  return each.constraints;
}

/// Reads a value of which this is asked.
template <class T, class... C>
bool read_constrained(JsonReader& in, T& out, Fault& fault, const std::tuple<C...>& constraints) {
  if constexpr (sizeof...(C) == 0) {
    return Json<T>::read(in, out, fault);
  } else if constexpr (kIsOptional<T>) {
    return Json<T>::read(in, out, fault, [&](JsonReader& from, auto& value, Fault& wrong) {
      return read_constrained(from, value, wrong, constraints);
    });
  } else {
    const auto each = std::apply(
        [](const auto&... constraint) { return std::tuple_cat(of_elements(constraint)...); },
        constraints);
    bool good = false;
    if constexpr (std::tuple_size_v<decltype(each)> == 0) {
      good = Json<T>::read(in, out, fault);
    } else {
      good = Json<T>::read(in, out, fault, [&](JsonReader& from, auto& element, Fault& wrong) {
        return read_constrained(from, element, wrong, each);
      });
    }
    if (!good) return false;
    const auto check = [&](const auto& constraint) {
      return constraint.holds(out) || fault.add(constraint.template complaint<T>());
    };
    return std::apply([&](const auto&... constraint) { return (check(constraint) & ...); },
                      constraints);
  }
}

template <class C>
inline constexpr bool kIsDescription = std::same_as<C, Description>;
template <Side side, class C>
inline constexpr bool kIsBound = false;
template <Side side, class N>
inline constexpr bool kIsBound<side, Bound<side, N>> = true;

/// Writes the members of the schema of a T of which this is asked.
template <class T, class... C>
void describe_constrained(SchemaWriter& out, const std::tuple<C...>& constraints) {
  // A description is the whole field's; what else is asked of an optional is its value's.
  constexpr bool kInside = kIsOptional<T>;
  [[maybe_unused]] const auto of_all = [&](const auto& constraint) {
    using Constraint = std::decay_t<decltype(constraint)>;
    if constexpr (!kInside || kIsDescription<Constraint>) constraint.template describe<T>(out);
  };
  if constexpr (sizeof...(C) == 0) {
    Json<T>::describe(out);
  } else if constexpr (kInside) {
    const auto inner = std::apply(
        [](const auto&... constraint) {
          return std::tuple_cat([](const auto& one) {
            if constexpr (kIsDescription<std::decay_t<decltype(one)>>) {
              return std::tuple<>();
            } else {
              return std::tuple(one);
            }
          }(constraint)...);
        },
        constraints);
    Json<T>::describe(out, [&]<class Value>(SchemaWriter& to, std::type_identity<Value>) {
      describe_constrained<Value>(to, inner);
    });
  } else if constexpr (JsonInteger<T>) {
    Json<T>::describe(out, !(kIsBound<Side::least, C> || ...), !(kIsBound<Side::most, C> || ...));
  } else {
    const auto each = std::apply(
        [](const auto&... constraint) { return std::tuple_cat(of_elements(constraint)...); },
        constraints);
    if constexpr (std::tuple_size_v<decltype(each)> == 0) {
      Json<T>::describe(out);
    } else {
      Json<T>::describe(out, [&]<class Element>(SchemaWriter& to, std::type_identity<Element>) {
        describe_constrained<Element>(to, each);
      });
    }
  }
  std::apply([&](const auto&... constraint) { (of_all(constraint), ...); }, constraints);
}

}  // namespace detail

/// A number that is at least, or at most, this; or more, or less, than it.
template <detail::JsonNumber N>
constexpr detail::Bound<detail::Side::least, N> min(N bound) {
  return {bound};
}
template <detail::JsonNumber N>
constexpr detail::Bound<detail::Side::most, N> max(N bound) {
  return {bound};
}
template <detail::JsonNumber N>
constexpr detail::Bound<detail::Side::above, N> exclusive_min(N bound) {
  return {bound};
}
template <detail::JsonNumber N>
constexpr detail::Bound<detail::Side::below, N> exclusive_max(N bound) {
  return {bound};
}

/// A text of so many characters (Unicode's, as Pydantic and JSON Schema count), or an array or map
/// of so many members.
constexpr detail::Length<true> min_length(std::size_t bound) {
  return {bound};
}
constexpr detail::Length<false> max_length(std::size_t bound) {
  return {bound};
}

/// A text that matches. Whether it does, a function of the author's says (docs/decisions/models.md)
/// @param expression what JSON Schema's `pattern` is; whoever is refused is told it
/// @param matches bool(std::string_view), of valid UTF-8; any thread
constexpr detail::Pattern pattern(std::string_view expression, bool (*matches)(std::string_view)) {
  return {expression, matches};
}

/// One of these texts, or of these numbers.
template <class... Values>
  requires(sizeof...(Values) > 0) && (std::convertible_to<Values, std::string_view> && ...)
constexpr detail::OneOf<std::string_view, sizeof...(Values)> one_of(Values... values) {
  return {{std::string_view(values)...}};
}
template <detail::JsonNumber... Values>
  requires(sizeof...(Values) > 0) &&
          ((std::is_signed_v<Values> == std::is_signed_v<std::common_type_t<Values...>>) && ...)
constexpr detail::OneOf<std::common_type_t<Values...>, sizeof...(Values)> one_of(Values... values) {
  return {{static_cast<std::common_type_t<Values...>>(values)...}};
}

/// What the field is for, in the schema alone.
constexpr detail::Description describe(std::string_view text) {
  return {text};
}

/// What is asked of every element of a vector or array, or of every value of a map.
template <class... Constraints>
  requires((requires { Constraints::kIsConstraint; }) && ...)
constexpr detail::Each<Constraints...> each(Constraints... constraints) {
  return {{constraints...}};
}

}  // namespace dojo
