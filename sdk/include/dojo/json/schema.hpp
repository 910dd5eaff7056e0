// Writes JSON Schemas (draft 2020-12).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/json/writer.hpp>

namespace dojo {

template <class T>
struct Json;

namespace detail {

/// One for each type, at an address of its own. Not const, since linkers fold what is the same.
template <class T>
inline char identity_of = 0;

}  // namespace detail

/// Writes the members of a schema's object. Models that it meets are collected to become `$defs`.
class SchemaWriter {
 public:
  void member(std::string_view key, std::string_view text) {
    out_.key(key);
    out_.string(text);
  }
  template <std::integral T>
  void member(std::string_view key, T number) {
    out_.key(key);
    out_.integer(number);
  }
  void member(std::string_view key, double number) {
    out_.key(key);
    out_.number(number);
  }
  /// The member `key`, a list. @param write void(): its values
  template <class Write>
  void list(std::string_view key, Write write) {
    out_.key(key);
    out_.begin_array();
    write();
    out_.end_array();
  }
  /// The member `key`, an object. @param write void(): its members
  template <class Write>
  void object(std::string_view key, Write write) {
    out_.key(key);
    object(write);
  }
  /// An object in a list.
  template <class Write>
  void object(Write write) {
    out_.begin_object();
    write();
    out_.end_object();
  }
  /// The member `key`: the schema of a T.
  template <class T>
  void schema(std::string_view key) {
    object(key, [&] { Json<T>::describe(*this); });
  }
  /// The schema of a T in a list.
  template <class T>
  void schema() {
    object([&] { Json<T>::describe(*this); });
  }
  /// A schema that has a type alone.
  void type(std::string_view name) {
    object([&] { member("type", name); });
  }
  /// What it is all written to.
  JsonWriter& out() { return out_; }

  /// The member `$ref`, to a model. @param identity of the model; those of one name are told apart
  /// by it @param describe writes the members of the model's own schema
  void reference(const void* identity, std::string_view model, void (*describe)(SchemaWriter&)) {
    member("$ref", "#/$defs/" + defined(identity, model, describe));
  }
  /// The definitions met so far and, in turn, in them.
  void definitions() {
    if (definitions_.empty()) return;
    object("$defs", [&] {
      for (std::size_t i = 0; i < definitions_.size(); ++i) {
        const auto describe = definitions_[i].describe;  // which may define more
        object(std::string(definitions_[i].name), [&] { describe(*this); });
      }
    });
  }
  [[nodiscard]] std::string take() && { return std::move(out_).take(); }

 private:
  struct Definition {
    const void* identity;
    std::string name;
    void (*describe)(SchemaWriter&);
  };

  std::string defined(const void* identity, std::string_view model,
                      void (*describe)(SchemaWriter&)) {
    const auto known = std::find_if(definitions_.begin(), definitions_.end(),
                                    [&](const auto& one) { return one.identity == identity; });
    if (known != definitions_.end()) return known->name;
    std::string name(model);
    for (int number = 2; is_taken(name); ++number) {
      name = std::string(model) + '_' + std::to_string(number);
    }
    definitions_.push_back({identity, name, describe});
    return name;
  }
  [[nodiscard]] bool is_taken(std::string_view name) const {
    return std::any_of(definitions_.begin(), definitions_.end(),
                       [&](const auto& one) { return one.name == name; });
  }

  JsonWriter out_;
  std::vector<Definition> definitions_;
};

}  // namespace dojo
