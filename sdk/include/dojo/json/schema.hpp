// Writes JSON Schemas (draft 2020-12).
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/json/writer.hpp>

namespace dojo::detail {

/// One for each type, at an address of its own. Not const, since linkers fold what is the same.
template <class T>
inline char identity_of = 0;

/// Models that it meets are collected to become `$defs`.
class SchemaWriter {
 public:
  JsonWriter& out() { return out_; }
  void member(std::string_view key, std::string_view text) {
    out_.key(key);
    out_.string(text);
  }
  void type(std::string_view name) {
    out_.begin_object();
    member("type", name);
    out_.end_object();
  }
  /// @param identity of the model; those of one name are told apart by it
  void reference(const void* identity, std::string_view model, void (*describe)(SchemaWriter&)) {
    out_.begin_object();
    member("$ref", "#/$defs/" + defined(identity, model, describe));
    out_.end_object();
  }
  /// The definitions met so far and, in turn, in them.
  void definitions() {
    if (definitions_.empty()) return;
    out_.key("$defs");
    out_.begin_object();
    for (std::size_t i = 0; i < definitions_.size(); ++i) {
      const auto describe = definitions_[i].describe;  // which may define more
      out_.key(definitions_[i].name);
      describe(*this);
    }
    out_.end_object();
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

}  // namespace dojo::detail
