// A std::variant: one of several types, told apart by what stands there.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include <dojo/json/containers.hpp>
#include <dojo/json/json.hpp>

namespace dojo {

namespace detail {

template <class... Ts>
inline constexpr bool kHoldsNull<std::variant<Ts...>> =
    ((std::same_as<Ts, std::monostate> || kHoldsNull<Ts>) || ...);
template <class... Ts>
inline constexpr bool kMayBeField<std::variant<Ts...>> = (kMayBeField<Ts> && ...);

/// How well an object's keys are those of a type that is one of several.
struct KeyMatch {
  bool complete = true;  ///< whatever is required is there
  std::size_t known = 0;
};

/// What is no model has no keys of its own, and takes any.
template <class T>
struct SeenKeys {
  void see(std::string_view) {}
  [[nodiscard]] KeyMatch match() const { return {}; }
};
template <HasFields T>
struct SeenKeys<T> {
  std::bitset<std::tuple_size_v<decltype(kFieldsOf<T>)>> seen;

  void see(std::string_view key) {
    each([&](std::size_t i, const auto& field) {
      if (field.name == key) seen.set(i);
    });
  }
  [[nodiscard]] KeyMatch match() const {
    KeyMatch match{true, seen.count()};
    each([&](std::size_t i, const auto& field) {
      if (field.required() && !seen[i]) match.complete = false;
    });
    return match;
  }

 private:
  template <class F>
  static void each(F call) {
    std::apply(
        [&](const auto&... fields) {
          [[maybe_unused]] std::size_t i = 0;
          (call(i++, fields), ...);
        },
        kFieldsOf<T>);
  }
};

}  // namespace detail

template <>
struct Json<std::monostate> {
  static constexpr JsonKinds kKinds{JsonKind::null};
  static bool read(JsonReader& in, std::monostate&, Fault& fault) {
    return in.null() == JsonReader::Read::yes || in.refuse(fault, "null");
  }
  static bool write(JsonWriter& out, const std::monostate&, Fault&) {
    out.null();
    return true;
  }
  static void describe(SchemaWriter& out) { out.member("type", "null"); }
};

/// Of the alternatives that may be of the kind of JSON that stands there, the first one that can be
/// read is. They are tried in their order; but of models, that one first which knows most of the
/// object's keys, after those whose required fields are all there; and of numbers, floating ones
/// first if there is a point or an exponent, else integers. If none can be read, what is wrong is
/// what the one that was tried first says. As Pydantic has it in its smart mode, where it has
/// nothing to convert.
template <class... Ts>
struct Json<std::variant<Ts...>> {
  using Variant = std::variant<Ts...>;
  static constexpr std::size_t kCount = sizeof...(Ts);
  static constexpr JsonKinds kKinds = (detail::kKindsOf<Ts> | ...);

  static bool read(JsonReader& in, Variant& out, Fault& fault) {
    const auto kind = in.kind();
    if (!kind) return fault.add(in.why());
    std::array<std::size_t, kCount> all{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
      if (kKindsOfEach[i].has(*kind)) all[count++] = i;
    }
    if (count == 0) return in.refuse(fault, wanted());
    if (count == 1) return kRead[all[0]](in, out, fault);
    return read_first({all.data(), count}, *kind, in, out, fault);
  }

  static bool write(JsonWriter& out, const Variant& value, Fault& fault) {
    if (value.valueless_by_exception()) return fault.add("variant without a value");
    return std::visit(
        [&]<class T>(const T& alternative) { return Json<T>::write(out, alternative, fault); },
        value);
  }
  static void describe(SchemaWriter& out) {
    out.list("anyOf", [&] { (out.schema<Ts>(), ...); });
  }

 private:
  using Candidates = std::span<std::size_t>;
  using Reader = bool (*)(JsonReader&, Variant&, Fault&);

  template <std::size_t I>
  static bool read_as(JsonReader& in, Variant& out, Fault& fault) {
    return Json<std::variant_alternative_t<I, Variant>>::read(in, out.template emplace<I>(), fault);
  }
  template <std::size_t... I>
  static constexpr std::array<Reader, kCount> readers(std::index_sequence<I...>) {
    return {&read_as<I>...};
  }
  static constexpr auto kRead = readers(std::index_sequence_for<Ts...>());
  static constexpr std::array<JsonKinds, kCount> kKindsOfEach = {detail::kKindsOf<Ts>...};

  static std::string wanted() {
    std::string text;
    for (const auto kind : {JsonKind::null, JsonKind::boolean, JsonKind::number, JsonKind::string,
                            JsonKind::array, JsonKind::object}) {
      if (kKinds.has(kind)) text += (text.empty() ? "" : " or ") + std::string(to_string(kind));
    }
    return text;
  }

  /// @param of of several alternatives, at a value that each of them may be
  static bool read_first(Candidates of, JsonKind kind, JsonReader& in, Variant& out, Fault& fault) {
    const auto here = in.mark();
    if (kind == JsonKind::object || kind == JsonKind::number) {
      const bool sorted = kind == JsonKind::object ? sort_by_keys(of, in) : sort_by_text(of, in);
      if (!sorted || !in.go_back(here)) return fault.add(in.why());
    }
    Fault first;
    for (const auto index : of) {
      Fault found;
      if (kRead[index](in, out, found)) return true;
      if (in.broken()) {
        first = std::move(found);
        break;
      }
      if (index == of.front()) first = std::move(found);
      if (index != of.back() && !in.go_back(here)) return fault.add(in.why());
    }
    first.ensure(0);
    fault.append(std::move(first));
    return false;
  }

  /// Stable, and of a handful.
  template <class Before>
  static void sort(Candidates of, Before before) {
    for (std::size_t i = 1; i < of.size(); ++i) {
      for (auto k = i; k != 0 && before(of[k], of[k - 1]); --k) std::swap(of[k], of[k - 1]);
    }
  }

  /// Integers are not written with a point or an exponent.
  static bool sort_by_text(Candidates of, JsonReader& in) {
    constexpr std::array<bool, kCount> kFloat = {detail::JsonFloat<Ts>...};
    std::string_view text;
    if (!in.raw(text)) return false;
    const bool floating = text.find_first_of(".eE") != std::string_view::npos;
    sort(of, [&](std::size_t a, std::size_t b) {
      return kFloat[a] == floating && kFloat[b] != floating;
    });
    return true;
  }

  static bool sort_by_keys(Candidates of, JsonReader& in) {
    constexpr std::array<bool, kCount> kIsModel = {detail::HasFields<Ts>...};
    if (std::none_of(of.begin(), of.end(), [&](auto i) { return kIsModel[i]; })) return true;
    std::tuple<detail::SeenKeys<Ts>...> seen;
    if (in.enter_object() != JsonReader::Read::yes) return false;
    for (std::string_view key;;) {
      const auto next = in.next_key(key);
      if (next == JsonReader::Next::broken) return false;
      if (next == JsonReader::Next::end) break;
      std::apply([&](auto&... each) { (each.see(key), ...); }, seen);
      if (!in.skip()) return false;
    }
    const auto matches = std::apply(
        [](const auto&... each) { return std::array<detail::KeyMatch, kCount>{each.match()...}; },
        seen);
    sort(of, [&](std::size_t a, std::size_t b) {
      if (matches[a].complete != matches[b].complete) return matches[a].complete;
      return matches[a].known > matches[b].known;
    });
    return true;
  }
};

}  // namespace dojo
