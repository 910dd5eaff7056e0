// Values that hold no others: how each is read, written and described.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dojo/json/json.hpp>

namespace dojo {

/// JSON that is passed through as it is. Read: the value's own text, checked to be valid JSON.
/// Written: checked once more.
struct RawJson {
  std::string text = "null";
};

template <>
struct Json<bool> {
  static constexpr JsonKinds kKinds{JsonKind::boolean};
  static bool read(JsonReader& in, bool& out, Fault& fault) {
    return in.boolean(out) == JsonReader::Read::yes || in.refuse(fault, "boolean");
  }
  static bool write(JsonWriter& out, bool value, Fault&) {
    out.boolean(value);
    return true;
  }
  static void describe(SchemaWriter& out) { out.member("type", "boolean"); }
};

template <detail::JsonInteger T>
struct Json<T> {
  using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
  using Limits = std::numeric_limits<T>;
  static constexpr JsonKinds kKinds{JsonKind::number};
  static bool read(JsonReader& in, T& out, Fault& fault) {
    Wide wide = 0;
    const auto read = in.integer(wide);
    if (read == JsonReader::Read::yes && std::in_range<T>(wide)) {
      out = static_cast<T>(wide);
      return true;
    }
    const auto wanted =
        "integer from " + std::to_string(Limits::min()) + " to " + std::to_string(Limits::max());
    if (read != JsonReader::Read::yes && in.kind() != JsonKind::number) {
      return in.refuse(fault, wanted);
    }
    return fault.add("expected " + wanted + ", got another number");
  }
  static bool write(JsonWriter& out, T value, Fault&) {
    out.integer(static_cast<Wide>(value));
    return true;
  }
  /// @param minimum, maximum whether the type's own are told
  static void describe(SchemaWriter& out, bool minimum = true, bool maximum = true) {
    out.member("type", "integer");
    if (minimum) out.member("minimum", static_cast<Wide>(Limits::min()));
    if (maximum) out.member("maximum", static_cast<Wide>(Limits::max()));
  }
};

template <detail::JsonFloat T>
struct Json<T> {
  static constexpr JsonKinds kKinds{JsonKind::number};
  static bool read(JsonReader& in, T& out, Fault& fault) {
    double wide = 0;
    const auto read = in.number(wide);
    if (read == JsonReader::Read::yes) {
      out = static_cast<T>(wide);
      if (std::isfinite(out)) return true;
    } else if (in.kind() != JsonKind::number) {
      return in.refuse(fault, "number");
    }
    return fault.add("number out of range");
  }
  static bool write(JsonWriter& out, T value, Fault& fault) {
    if (!std::isfinite(value)) return fault.add("NaN and infinity cannot be written as JSON");
    out.number(static_cast<double>(value));
    return true;
  }
  static void describe(SchemaWriter& out) { out.member("type", "number"); }
};

template <>
struct Json<std::string> {
  static constexpr JsonKinds kKinds{JsonKind::string};
  static bool read(JsonReader& in, std::string& out, Fault& fault) {
    std::string_view text;
    if (in.string(text) != JsonReader::Read::yes) return in.refuse(fault, "string");
    out.assign(text);
    return true;
  }
  static bool write(JsonWriter& out, const std::string& value, Fault& fault) {
    return out.string(value) || fault.add("text is not valid UTF-8");
  }
  static void describe(SchemaWriter& out) { out.member("type", "string"); }
};

template <detail::HasNames T>
struct Json<T> {
  static constexpr JsonKinds kKinds{JsonKind::string};
  static constexpr auto kNames = dojo_enum_names(static_cast<const T*>(nullptr));
  static std::string choice() {
    std::string text = "one of";
    for (const auto& [name, value] : kNames) text += " \"" + std::string(name) + "\"";
    return text;
  }
  static bool read(JsonReader& in, T& out, Fault& fault) {
    std::string_view text;
    if (in.string(text) != JsonReader::Read::yes) return in.refuse(fault, choice());
    for (const auto& [name, enumerator] : kNames) {
      if (name == text) {
        out = enumerator;
        return true;
      }
    }
    return fault.add("expected " + choice() + ", got another string");
  }
  static bool write(JsonWriter& out, T value, Fault& fault) {
    for (const auto& [name, enumerator] : kNames) {
      if (enumerator == value) return out.string(name);
    }
    return fault.add("enum value without a name");
  }
  static void describe(SchemaWriter& out) {
    out.list("enum", [&] {
      for (const auto& [name, value] : kNames) out.out().string(name);
    });
  }
};

template <>
struct Json<RawJson> {
  static bool read(JsonReader& in, RawJson& out, Fault& fault) {
    std::string_view text;
    if (!in.raw(text)) return fault.add(in.why());
    out.text.assign(text);
    return true;
  }
  static bool write(JsonWriter& out, const RawJson& value, Fault& fault) {
    JsonReader reader(value.text);
    if (!reader.skip() || !reader.finish()) return fault.add(reader.why());
    out.raw(value.text);
    return true;
  }
  static void describe(SchemaWriter&) {}
};

}  // namespace dojo
