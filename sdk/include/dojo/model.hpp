// Typed models: one macro makes a struct something that is read from JSON, written as JSON, and
// described by a JSON Schema. Reading is one pass over the text, straight into the struct.
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
// described by DOJO_ENUM; dojo::Bytes; std::chrono::duration and sys_time; another model (also
// itself, inside a vector or map); std::optional, std::variant, std::vector, std::array,
// std::tuple, std::pair, std::map and std::unordered_map with string keys of any of these;
// dojo::RawJson; and whatever dojo::Json<T> is specialised for (json/json.hpp). What is none of
// these does not compile, and the error names the field; a plain char is none, nor is what is
// derived from a model without a DOJO_MODEL of its own. What more a field may ask, bounds and
// lengths for instance, DOJO_FIELD says (json/constraints.hpp).
//
// Reading: unknown fields are ignored (but must be valid JSON). A field that is missing is an
// error, unless it is a std::optional (then it is empty) or DOJO_DEFAULT (then it keeps what the
// struct's initializer says). A number that its type cannot hold is an error, never rounded or cut;
// `1.0` and `1e2` are integers. A key that comes twice: the last one counts, and the others may be
// anything, as in Python. Writing: every field is written, an empty std::optional as null. NaN,
// infinities and text that is no UTF-8 are errors.
//
// All of it is in these headers, and nothing but the standard library: a plugin or a caller has no
// JSON library to link (docs/decisions/json.md).
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <dojo/json/fields.hpp>
#include <dojo/result.hpp>

namespace dojo {

/// A struct described by DOJO_MODEL.
template <class T>
concept Model = detail::HasFields<T>;

/// A model's name as its route has it: "ScoreRequest".
template <Model T>
constexpr std::string_view model_name() {
  return detail::unqualified(dojo_model_name(static_cast<const T*>(nullptr)));
}

namespace detail {

/// from_json(). @param bytes of memory that what was read takes, at most
template <Model T>
Result<T> read_model(std::string_view json, std::size_t& bytes) {
  JsonReader reader(json);
  Fault fault;
  Result<T> model{};
  const bool read = Json<T>::read(reader, *model, fault);
  bytes = sizeof model + json.size() + reader.charged();
  if (!read) return fail(fault.text(), reader.over_budget() ? Code::too_large : Code::invalid_body);
  if (!reader.finish()) return fail(reader.why(), Code::invalid_body);
  return model;
}

}  // namespace detail

/// Reads a model from a text.
/// @return the model, or an error (Code::invalid_body) that says all that is wrong, ten things at
/// most and in the text's order: `completions[3]: expected string, got number; top_k: required
/// field is missing`; Code::too_large if what it holds takes more memory than json_budget() of its
/// size. Any thread.
template <Model T>
Result<T> from_json(std::string_view json) {
  if constexpr (std::default_initializable<T>) {
    std::size_t bytes = 0;
    return detail::read_model<T>(json, bytes);
  } else {
    static_assert(std::default_initializable<T>,
                  "a model that is read is made empty first: it needs a default constructor");
    return fail({});
  }
}

/// Checks that a text is one valid JSON value, not nested beyond kMaxJsonDepth. @return an error
/// (Code::invalid_body) that says why not. Any thread.
inline Status check_json(std::string_view json) {
  JsonReader reader(json);
  if (reader.skip() && reader.finish()) return {};
  return fail(reader.why(), Code::invalid_body);
}

/// Writes a model as compact JSON. @return the text, or an error (Code::internal) with the path of
/// what cannot be written. Any thread.
template <Model T>
Result<std::string> to_json(const T& model) {
  JsonWriter writer;
  Fault fault;
  if (!Json<T>::write(writer, model, fault)) return fail(fault.text());
  return std::move(writer).take();
}

/// The model's JSON Schema (draft 2020-12), with nested models under `$defs`; of two of the same
/// name the second one is called `<name>_2` there. Any thread.
template <Model T>
std::string json_schema() {
  SchemaWriter schema;
  schema.out().begin_object();
  schema.member("$schema", "https://json-schema.org/draft/2020-12/schema");
  Json<T>::describe_model(schema);
  schema.definitions();
  schema.out().end_object();
  return std::move(schema).take();
}

}  // namespace dojo
