// Typed models: one macro makes a struct something that is read from JSON, written as JSON, and
// described by a JSON Schema. Reading is one pass of simdjson's On-Demand parser, straight into the
// struct.
//
//   struct ScoreRequest {
//     std::string prompt;
//     std::vector<std::string> completions;
//     std::optional<double> score;
//     int top_k = 3;
//   };
//   DOJO_MODEL(ScoreRequest, prompt, completions, score, DOJO_DEFAULT(top_k))
//
// What a field may be: bool; integers of 8 to 64 bits; float, double; std::string; an enum
// described by DOJO_ENUM; another model (also itself, inside a vector or map); std::optional,
// std::vector, std::map and std::unordered_map with string keys of any of these; dojo::RawJson.
//
// Reading: unknown fields are ignored (but must be valid JSON). A field that is missing is an
// error, unless it is a std::optional (then it is empty) or DOJO_DEFAULT (then it keeps what the
// struct's initializer says). A number that its type cannot hold is an error, never rounded or cut.
// A key that comes twice: the last one counts, as in Python. Writing: every field is written, an
// empty std::optional as null. NaN, infinities and text that is no UTF-8 are errors.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <simdjson.h>

#include <dojo/result.hpp>

namespace dojo {

/// JSON that is passed through as it is. Read: the value's own text, checked to be valid JSON.
/// Written: checked once more.
struct RawJson {
  std::string text = "null";
};

/// JSON nested deeper than this is refused, wherever it stands.
inline constexpr int kMaxJsonDepth = 256;

/// Bytes behind a JSON text that from_padded_json() may read (simdjson looks ahead by whole
/// registers).
inline constexpr std::size_t kJsonPadding = simdjson::SIMDJSON_PADDING;

namespace detail {

namespace od = simdjson::ondemand;

/// Where reading or writing went wrong: the path is put together from the inside outwards.
struct Fault {
  std::string path;
  std::string what;

  void inside(std::string_view field) {
    const bool joined = path.empty() || path.front() == '[';
    path = std::string(field) + (joined ? "" : ".") + path;
  }
  void inside(std::size_t index) { inside_brackets(std::to_string(index)); }
  /// @param key of a map; cut, since its length is the sender's choice
  void inside_key(std::string_view key) {
    inside_brackets('"' + std::string(key.substr(0, 80)) + '"');
  }
  [[nodiscard]] std::string text() const { return path.empty() ? what : path + ": " + what; }

 private:
  void inside_brackets(const std::string& index) {
    const bool joined = path.empty() || path.front() == '[';
    path = '[' + index + ']' + (joined ? "" : ".") + path;
  }
};

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

/// @return false for what is no UTF-8. The writer's own check would read up to two bytes behind a
/// text that ends in the middle of a character.
inline bool write_string(Writer& out, std::string_view text) {
  if (!std::in_range<rapidjson::SizeType>(text.size())) return false;
  if (!simdjson::validate_utf8(text.data(), text.size())) return false;
  return out.String(text.empty() ? "" : text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

inline std::string_view kind(od::json_type type) {
  switch (type) {
    case od::json_type::array:
      return "array";
    case od::json_type::object:
      return "object";
    case od::json_type::number:
      return "number";
    case od::json_type::string:
      return "string";
    case od::json_type::boolean:
      return "boolean";
    case od::json_type::null:
      return "null";
  }
  return "something else";
}

inline bool invalid_json(simdjson::error_code error, Fault& fault) {
  fault.what = std::string("not valid JSON: ") + simdjson::error_message(error);
  return false;
}

/// A token without the white space around it; On-Demand leaves some behind it.
inline std::string_view trimmed(std::string_view token) {
  constexpr std::string_view kSpace = " \t\r\n";
  token.remove_prefix(std::min(token.find_first_not_of(kSpace), token.size()));
  return token.substr(0, token.find_last_not_of(kSpace) + 1);
}

/// What was wanted, and what kind of value came instead.
inline bool expected(std::string_view wanted, od::value value, Fault& fault) {
  od::json_type type{};
  if (auto error = value.type().get(type)) return invalid_json(error, fault);
  // The kind alone: what a caller sent is not sent back, nor written to a log.
  const bool same_kind = (type == od::json_type::number && wanted.starts_with("integer")) ||
                         (type == od::json_type::string && wanted.starts_with("one of"));
  if (type == od::json_type::boolean && wanted == "boolean") {  // it only begins like one
    return invalid_json(simdjson::T_ATOM_ERROR, fault);
  }
  fault.what = "expected " + std::string(wanted) + ", got " + (same_kind ? "another " : "") +
               std::string(kind(type));
  return false;
}

/// SUCCESS for a value that is the literal `null`; the values are given as something with
/// is_null().
template <class Value>
simdjson::error_code null_error(Value& value) {
  bool null = false;
  if (const auto error = value.is_null().get(null)) return error;
  return null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
}

inline bool too_deep(Fault& fault) {
  fault.what = "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels";
  return false;
}

/// Goes through a value that nobody wants, so that broken JSON is found there too. On-Demand by
/// itself would only count brackets.
inline bool walk(od::value value, int depth, Fault& fault) {
  od::json_type type{};
  if (auto error = value.type().get(type)) return invalid_json(error, fault);
  const bool holds_values = type == od::json_type::array || type == od::json_type::object;
  if (holds_values && depth > kMaxJsonDepth) return too_deep(fault);
  simdjson::error_code error = simdjson::SUCCESS;
  switch (type) {
    case od::json_type::array: {
      od::array array;
      if (const auto bad = value.get_array().get(array)) return invalid_json(bad, fault);
      for (auto item : array) {
        od::value element;
        if (const auto bad = item.get(element)) return invalid_json(bad, fault);
        if (!walk(element, depth + 1, fault)) return false;
      }
      return true;
    }
    case od::json_type::object: {
      od::object object;
      if (const auto bad = value.get_object().get(object)) return invalid_json(bad, fault);
      for (auto item : object) {
        std::string_view key;
        if (const auto bad = item.unescaped_key().get(key)) return invalid_json(bad, fault);
        od::value element;
        if (const auto bad = item.value().get(element)) return invalid_json(bad, fault);
        if (!walk(element, depth + 1, fault)) return false;
      }
      return true;
    }
    case od::json_type::string: {
      std::string_view text;
      error = value.get_string().get(text);
      break;
    }
    case od::json_type::number: {
      od::number number;
      error = value.get_number().get(number);
      if (error) {  // integers beyond 64 bits are JSON all the same
        double wide = 0;
        error = value.get_double().get(wide);
      }
      break;
    }
    case od::json_type::boolean: {
      bool flag = false;
      error = value.get_bool().get(flag);
      break;
    }
    case od::json_type::null:
      error = null_error(value);
      break;
  }
  return error ? invalid_json(error, fault) : true;
}

/// How a T is read, written and described. Specialised below for everything a field may be.
template <class T>
struct Json;

template <class T>
concept HasFields = requires(const T* type) { dojo_fields(type); };

template <class T>
concept HasNames = std::is_enum_v<T> && requires(const T* type) { dojo_enum_names(type); };

/// Writes a JSON Schema; models that it meets are collected to become `$defs`.
class SchemaWriter {
 public:
  Writer& out() { return out_; }
  void type(const char* name) {
    out_.StartObject();
    out_.Key("type");
    out_.String(name);
    out_.EndObject();
  }
  void reference(std::string_view model, void (*describe)(SchemaWriter&)) {
    const std::string target = "#/$defs/" + std::string(model);
    out_.StartObject();
    out_.Key("$ref");
    write_string(out_, target);
    out_.EndObject();
    if (known_.insert(std::string(model)).second) pending_.emplace_back(model, describe);
  }
  /// The definitions met so far and, in turn, in them.
  void definitions() {
    if (pending_.empty()) return;
    out_.Key("$defs");
    out_.StartObject();
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      const auto [name, describe] = pending_[i];
      write_string(out_, name);
      describe(*this);
    }
    out_.EndObject();
  }
  [[nodiscard]] std::string text() const { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  rapidjson::StringBuffer buffer_;
  Writer out_{buffer_};
  std::set<std::string, std::less<>> known_;
  std::vector<std::pair<std::string, void (*)(SchemaWriter&)>> pending_;
};

template <>
struct Json<bool> {
  static bool read(od::value value, bool& out, int, Fault& fault) {
    return value.get_bool().get(out) ? expected("boolean", value, fault) : true;
  }
  static bool write(Writer& out, bool value, Fault&) { return out.Bool(value); }
  static void schema(SchemaWriter& out) { out.type("boolean"); }
};

template <std::integral T>
struct Json<T> {
  static bool read(od::value value, T& out, int, Fault& fault) {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    Wide wide = 0;
    simdjson::error_code error{};
    if constexpr (std::is_signed_v<T>) {
      error = value.get_int64().get(wide);
    } else {
      error = value.get_uint64().get(wide);
    }
    if (error || !std::in_range<T>(wide)) {
      return expected("integer from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                          std::to_string(std::numeric_limits<T>::max()),
                      value, fault);
    }
    out = static_cast<T>(wide);
    return true;
  }
  static bool write(Writer& out, T value, Fault&) {
    if constexpr (std::is_signed_v<T>) return out.Int64(value);
    return out.Uint64(static_cast<std::uint64_t>(value));
  }
  static void schema(SchemaWriter& out) {
    out.out().StartObject();
    out.out().Key("type");
    out.out().String("integer");
    out.out().Key("minimum");
    out.out().Int64(static_cast<std::int64_t>(std::numeric_limits<T>::min()));
    out.out().Key("maximum");
    out.out().Uint64(static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
    out.out().EndObject();
  }
};

template <std::floating_point T>
struct Json<T> {
  static bool read(od::value value, T& out, int, Fault& fault) {
    double wide = 0;
    if (const auto error = value.get_double().get(wide)) {
      od::json_type type{};
      if (value.type().get(type) || type != od::json_type::number) {
        return expected("number", value, fault);
      }
      fault.what = error == simdjson::NUMBER_ERROR ? "number is not valid JSON or out of range"
                                                   : simdjson::error_message(error);
      return false;
    }
    out = static_cast<T>(wide);
    if (std::isfinite(out)) return true;
    fault.what = "number out of range";
    return false;
  }
  static bool write(Writer& out, T value, Fault& fault) {
    if (std::isfinite(value)) return out.Double(static_cast<double>(value));
    fault.what = "NaN and infinity cannot be written as JSON";
    return false;
  }
  static void schema(SchemaWriter& out) { out.type("number"); }
};

template <>
struct Json<std::string> {
  static bool read(od::value value, std::string& out, int, Fault& fault) {
    std::string_view text;
    if (const auto error = value.get_string().get(text)) {
      return error == simdjson::STRING_ERROR ? invalid_json(error, fault)
                                             : expected("string", value, fault);
    }
    out.assign(text);
    return true;
  }
  static bool write(Writer& out, const std::string& value, Fault& fault) {
    if (write_string(out, value)) return true;
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
  static bool read(od::value value, T& out, int, Fault& fault) {
    std::string_view text;
    if (value.get_string().get(text)) return expected(choice(), value, fault);
    for (const auto& [name, enumerator] : kNames) {
      if (name == text) {
        out = enumerator;
        return true;
      }
    }
    fault.what = "expected " + choice() + ", got another string";
    return false;
  }
  static bool write(Writer& out, T value, Fault& fault) {
    for (const auto& [name, enumerator] : kNames) {
      if (enumerator == value) return write_string(out, name);
    }
    fault.what = "enum value without a name";
    return false;
  }
  static void schema(SchemaWriter& out) {
    out.out().StartObject();
    out.out().Key("enum");
    out.out().StartArray();
    for (const auto& [name, value] : kNames) write_string(out.out(), name);
    out.out().EndArray();
    out.out().EndObject();
  }
};

template <class T>
struct Json<std::optional<T>> {
  static bool read(od::value value, std::optional<T>& out, int depth, Fault& fault) {
    if (!null_error(value)) {
      out.reset();
      return true;
    }
    return Json<T>::read(value, out.emplace(), depth, fault);
  }
  static bool write(Writer& out, const std::optional<T>& value, Fault& fault) {
    return value ? Json<T>::write(out, *value, fault) : out.Null();
  }
  static void schema(SchemaWriter& out) {
    out.out().StartObject();
    out.out().Key("anyOf");
    out.out().StartArray();
    Json<T>::schema(out);
    out.type("null");
    out.out().EndArray();
    out.out().EndObject();
  }
};

template <class T>
struct Json<std::vector<T>> {
  static bool read(od::value value, std::vector<T>& out, int depth, Fault& fault) {
    od::array array;
    if (value.get_array().get(array)) return expected("array", value, fault);
    out.clear();
    for (auto item : array) {
      od::value element;
      if (const auto error = item.get(element)) return invalid_json(error, fault);
      T read_element{};
      if (!Json<T>::read(element, read_element, depth + 1, fault)) {
        fault.inside(out.size());
        return false;
      }
      out.push_back(std::move(read_element));
    }
    return true;
  }
  static bool write(Writer& out, const std::vector<T>& value, Fault& fault) {
    out.StartArray();
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (!Json<T>::write(out, value[i], fault)) {
        fault.inside(i);
        return false;
      }
    }
    return out.EndArray();
  }
  static void schema(SchemaWriter& out) {
    out.out().StartObject();
    out.out().Key("type");
    out.out().String("array");
    out.out().Key("items");
    Json<T>::schema(out);
    out.out().EndObject();
  }
};

template <class Map>
struct JsonMap {
  using T = typename Map::mapped_type;
  static bool read(od::value value, Map& out, int depth, Fault& fault) {
    od::object object;
    if (value.get_object().get(object)) return expected("object", value, fault);
    out.clear();
    for (auto item : object) {
      std::string_view key;
      if (const auto error = item.unescaped_key().get(key)) return invalid_json(error, fault);
      od::value element;
      if (const auto error = item.value().get(element)) return invalid_json(error, fault);
      T& slot = out[std::string(key)] = T{};
      if (!Json<T>::read(element, slot, depth + 1, fault)) {
        fault.inside_key(key);
        return false;
      }
    }
    return true;
  }
  static bool write(Writer& out, const Map& value, Fault& fault) {
    out.StartObject();
    for (const auto& [key, element] : value) {
      if (!write_string(out, key)) {
        fault.what = "a key is not valid UTF-8";
        return false;
      }
      if (!Json<T>::write(out, element, fault)) {
        fault.inside_key(key);
        return false;
      }
    }
    return out.EndObject();
  }
  static void schema(SchemaWriter& out) {
    out.out().StartObject();
    out.out().Key("type");
    out.out().String("object");
    out.out().Key("additionalProperties");
    Json<T>::schema(out);
    out.out().EndObject();
  }
};

template <class T>
struct Json<std::map<std::string, T>> : JsonMap<std::map<std::string, T>> {};
template <class T>
struct Json<std::unordered_map<std::string, T>> : JsonMap<std::unordered_map<std::string, T>> {};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

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

/// A model's name without the namespaces and classes around it: the route's name.
constexpr std::string_view unqualified(std::string_view name) {
  const auto colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

template <HasFields T>
struct Json<T> {
  static constexpr auto kFields = dojo_fields(static_cast<const T*>(nullptr));
  static constexpr std::size_t kCount = std::tuple_size_v<decltype(kFields)>;
  using Seen = std::bitset<kCount>;

  static bool read(od::value value, T& out, int depth, Fault& fault) {
    od::object object;
    if (value.get_object().get(object)) return expected("object", value, fault);
    return read_object(object, out, depth, fault);
  }

  static bool read_object(od::object object, T& out, int depth, Fault& fault) {
    if (depth > kMaxJsonDepth) return too_deep(fault);
    Seen seen;
    for (auto item : object) {
      std::string_view key;
      if (const auto error = item.unescaped_key().get(key)) return invalid_json(error, fault);
      od::value value;
      if (const auto error = item.value().get(value)) return invalid_json(error, fault);
      if (!read_field(key, value, out, seen, depth, fault, std::make_index_sequence<kCount>())) {
        return false;
      }
    }
    return complete(seen, fault, std::make_index_sequence<kCount>());
  }

  static bool write(Writer& out, const T& value, Fault& fault) {
    out.StartObject();
    const bool good = std::apply(
        [&](const auto&... fields) { return (write_field(out, value, fields, fault) && ...); },
        kFields);
    return good && out.EndObject();
  }

  static void schema(SchemaWriter& out) {
    out.reference(unqualified(dojo_model_name(static_cast<const T*>(nullptr))),
                  [](SchemaWriter& inner) {
                    inner.out().StartObject();
                    describe(inner);
                    inner.out().EndObject();
                  });
  }

  /// The members of the schema's object.
  static void describe(SchemaWriter& schema) {
    auto& out = schema.out();
    out.Key("title");
    write_string(out, unqualified(dojo_model_name(static_cast<const T*>(nullptr))));
    out.Key("type");
    out.String("object");
    out.Key("properties");
    out.StartObject();
    std::apply(
        [&](const auto&... fields) {
          ((write_string(out, fields.name),
            Json<typename std::decay_t<decltype(fields)>::Type>::schema(schema)),
           ...);
        },
        kFields);
    out.EndObject();
    out.Key("required");
    out.StartArray();
    std::apply(
        [&](const auto&... fields) {
          ((fields.required() ? write_string(out, fields.name) : true), ...);
        },
        kFields);
    out.EndArray();
  }

 private:
  template <std::size_t... I>
  static bool read_field([[maybe_unused]] std::string_view key, od::value value, T& out, Seen& seen,
                         int depth, Fault& fault, std::index_sequence<I...>) {
    bool good = true;
    const bool known = ((key == std::get<I>(kFields).name
                             ? (good = read_member<I>(value, out, seen, depth, fault), true)
                             : false) ||
                        ...);
    return known ? good : walk(value, depth + 1, fault);
  }

  template <std::size_t I>
  static bool read_member(od::value value, T& out, Seen& seen, int depth, Fault& fault) {
    constexpr auto kField = std::get<I>(kFields);
    using Type = typename decltype(kField)::Type;
    // Nothing of an earlier value with the same key may shine through a nested model's defaults.
    if (seen[I]) out.*(kField.member) = std::move(T{}.*(kField.member));
    seen.set(I);
    if (Json<Type>::read(value, out.*(kField.member), depth + 1, fault)) return true;
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
  static bool write_field(Writer& out, const T& value, const F& field, Fault& fault) {
    write_string(out, field.name);
    if (Json<typename F::Type>::write(out, value.*(field.member), fault)) return true;
    fault.inside(field.name);
    return false;
  }
};

/// Parsers keep their buffers between calls. A pool, and not a thread_local, because a thread_local
/// with a destructor in a plugin would keep the plugin mapped for as long as the host's thread
/// lives.
class ParserPool {
 public:
  static ParserPool& instance() {
    static ParserPool pool;
    return pool;
  }
  std::unique_ptr<od::parser> take() {
    const std::lock_guard lock(mutex_);
    if (parsers_.empty()) return std::make_unique<od::parser>();
    auto parser = std::move(parsers_.back());
    parsers_.pop_back();
    return parser;
  }
  void give(std::unique_ptr<od::parser> parser) {
    if (parser->capacity() > kLargest) return;
    const std::lock_guard lock(mutex_);
    if (parsers_.size() < kMost) parsers_.push_back(std::move(parser));
  }

 private:
  // A parser's buffers are about six times its capacity, and every plugin has a pool of its own:
  // 96 MiB at most.
  static constexpr std::size_t kMost = 16;
  static constexpr std::size_t kLargest = std::size_t{1} << 20;
  std::mutex mutex_;
  std::vector<std::unique_ptr<od::parser>> parsers_;
};

/// Runs `read(document, fault)` over a text, and refuses what stands behind the value.
template <class Read>
Status with_document(std::string_view json, std::size_t capacity, Read read) {
  auto parser = ParserPool::instance().take();
  Fault fault;
  bool good = false;
  {
    od::document document;
    const simdjson::padded_string_view padded(json.data(), json.size(), capacity);
    if (const auto error = parser->iterate(padded).get(document)) {
      invalid_json(error, fault);
    } else if (read(document, fault)) {
      good = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
      if (!good) fault = {"", "not valid JSON: there is something behind the value"};
    }
  }
  ParserPool::instance().give(std::move(parser));
  if (good) return {};
  return fail(fault.text(), Code::invalid_body);
}

/// A copy with room behind it. The string itself is returned, since a copy of it would have no
/// room.
inline std::string padded(std::string_view json) {
  std::string copy;
  copy.reserve(json.size() + kJsonPadding);
  copy.assign(json);
  return copy;
}

/// A text's only value, which is an object or an array.
inline bool walk_document(od::document& document, Fault& fault) {
  od::value value;
  if (const auto error = document.get_value().get(value)) return invalid_json(error, fault);
  return walk(value, 1, fault);
}

/// The same for the only element of an array.
inline bool walk_element(od::document& document, Fault& fault) {
  od::array array;
  if (const auto error = document.get_array().get(array)) return invalid_json(error, fault);
  int count = 0;
  for (auto item : array) {
    od::value element;
    if (const auto error = item.get(element)) return invalid_json(error, fault);
    if (++count > 1) return invalid_json(simdjson::TRAILING_CONTENT, fault);
    if (!walk(element, 1, fault)) return false;
  }
  return count == 1 || invalid_json(simdjson::EMPTY, fault);
}

}  // namespace detail

/// A struct described by DOJO_MODEL.
template <class T>
concept Model = detail::HasFields<T>;

/// A model's name as its route has it: "ScoreRequest".
template <Model T>
constexpr std::string_view model_name() {
  return detail::unqualified(dojo_model_name(static_cast<const T*>(nullptr)));
}

/// Reads a model from a text behind which kJsonPadding bytes may be read (their values do not
/// matter).
/// @return the model, or an error (Code::invalid_body) such as `completions[3]: expected string,
/// got number`. Any thread.
template <Model T>
Result<T> from_padded_json(std::string_view json) {
  Result<T> model{};
  const auto status = detail::with_document(
      json, json.size() + kJsonPadding, [&](detail::od::document& document, detail::Fault& fault) {
        detail::od::object object;
        if (const auto error = document.get_object().get(object)) {
          detail::od::json_type type{};
          if (error != simdjson::INCORRECT_TYPE || document.type().get(type)) {
            return detail::invalid_json(error, fault);
          }
          fault.what = "expected object, got " + std::string(detail::kind(type));
          return false;
        }
        return detail::Json<T>::read_object(object, *model, 1, fault);
      });
  if (!status) return Unexpected(status.error());
  return model;
}

/// Reads a model from any text, which is copied once. See from_padded_json().
template <Model T>
Result<T> from_json(std::string_view json) {
  return from_padded_json<T>(detail::padded(json));
}

/// Checks that a text is one valid JSON value, not nested beyond kMaxJsonDepth. @return an error
/// (Code::invalid_body) that says why not. Any thread.
inline Status check_json(std::string_view json) {
  const auto bare = detail::trimmed(json);
  if (bare.starts_with('{') || bare.starts_with('[')) {
    const auto copy = detail::padded(bare);
    return detail::with_document(copy, copy.size() + kJsonPadding, detail::walk_document);
  }
  // A scalar is read as an array's element: simdjson 3.0 takes the document `falsex` for false, and
  // `true` for nothing if there is white space behind it.
  const auto copy = detail::padded('[' + std::string(bare) + ']');
  return detail::with_document(copy, copy.size() + kJsonPadding, detail::walk_element);
}

/// Writes a model as compact JSON. @return the text, or an error (Code::internal) with the path of
/// what cannot be written. Any thread.
template <Model T>
Result<std::string> to_json(const T& model) {
  rapidjson::StringBuffer buffer;
  detail::Writer writer(buffer);
  detail::Fault fault;
  if (!detail::Json<T>::write(writer, model, fault)) return fail(fault.text());
  return std::string(buffer.GetString(), buffer.GetSize());
}

/// The model's JSON Schema (draft 2020-12), with nested models under `$defs`. Any thread.
template <Model T>
std::string json_schema() {
  detail::SchemaWriter schema;
  schema.out().StartObject();
  schema.out().Key("$schema");
  schema.out().String("https://json-schema.org/draft/2020-12/schema");
  detail::Json<T>::describe(schema);
  schema.definitions();
  schema.out().EndObject();
  return schema.text();
}

namespace detail {

template <>
struct Json<RawJson> {
  static bool read(od::value value, RawJson& out, int depth, Fault& fault) {
    const std::string_view first = value.raw_json_token();
    od::json_type type{};
    if (const auto error = value.type().get(type)) return invalid_json(error, fault);
    if (!walk(value, depth, fault)) return false;
    if (type != od::json_type::array && type != od::json_type::object) {
      out.text = trimmed(first);
      return true;
    }
    const char* end = nullptr;
    if (const auto error = value.current_location().get(end)) return invalid_json(error, fault);
    out.text = trimmed({first.data(), static_cast<std::size_t>(end - first.data())});
    return true;
  }
  static bool write(Writer& out, const RawJson& value, Fault& fault) {
    if (const auto status = check_json(value.text); !status) {
      fault.what = status.error().message;
      return false;
    }
    return out.RawValue(value.text.data(), value.text.size(), rapidjson::kObjectType);
  }
  static void schema(SchemaWriter& out) {
    out.out().StartObject();
    out.out().EndObject();
  }
};

}  // namespace detail
}  // namespace dojo

// ---- the macros. Fields are given by name, as DOJO_DEFAULT(name), as DOJO_NAMED(member, "key"),
// or as DOJO_NAMED_DEFAULT(member, "key").

/// In DOJO_MODEL: the field may be missing, and then keeps what the struct's initializer gave it.
#define DOJO_DEFAULT(member) (member, #member, true)
/// In DOJO_MODEL: the field's key in JSON is another than the member's name.
#define DOJO_NAMED(member, key) (member, key, false)
/// Both.
#define DOJO_NAMED_DEFAULT(member, key) (member, key, true)

/// Makes `Type` a model with these fields (1 to 64). Stands in the namespace of `Type`, behind it.
#define DOJO_MODEL(Type, ...)                                                        \
  [[maybe_unused]] constexpr ::std::string_view dojo_model_name(const Type*) {       \
    return #Type;                                                                    \
  }                                                                                  \
  [[maybe_unused]] constexpr auto dojo_fields(const Type*) {                         \
    return ::std::tuple{DOJO_DETAIL_FOR_EACH(DOJO_DETAIL_FIELD, Type, __VA_ARGS__)}; \
  }

/// Makes `Type` an enum that is written by the names of its enumerators.
#define DOJO_ENUM(Type, ...)                                                              \
  [[maybe_unused]] constexpr auto dojo_enum_names(const Type*) {                          \
    return ::std::array{DOJO_DETAIL_FOR_EACH(DOJO_DETAIL_ENUMERATOR, Type, __VA_ARGS__)}; \
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

#define DOJO_DETAIL_PARENS ()
#define DOJO_DETAIL_EXPAND(...) \
  DOJO_DETAIL_EXPAND_3(         \
      DOJO_DETAIL_EXPAND_3(DOJO_DETAIL_EXPAND_3(DOJO_DETAIL_EXPAND_3(__VA_ARGS__))))
#define DOJO_DETAIL_EXPAND_3(...) \
  DOJO_DETAIL_EXPAND_2(           \
      DOJO_DETAIL_EXPAND_2(DOJO_DETAIL_EXPAND_2(DOJO_DETAIL_EXPAND_2(__VA_ARGS__))))
#define DOJO_DETAIL_EXPAND_2(...) \
  DOJO_DETAIL_EXPAND_1(           \
      DOJO_DETAIL_EXPAND_1(DOJO_DETAIL_EXPAND_1(DOJO_DETAIL_EXPAND_1(__VA_ARGS__))))
#define DOJO_DETAIL_EXPAND_1(...) __VA_ARGS__

#define DOJO_DETAIL_FOR_EACH(macro, context, ...) \
  __VA_OPT__(DOJO_DETAIL_EXPAND(DOJO_DETAIL_EACH(macro, context, __VA_ARGS__)))
#define DOJO_DETAIL_EACH(macro, context, item, ...) \
  macro(context, item)                              \
      __VA_OPT__(, DOJO_DETAIL_AGAIN DOJO_DETAIL_PARENS(macro, context, __VA_ARGS__))
#define DOJO_DETAIL_AGAIN() DOJO_DETAIL_EACH
