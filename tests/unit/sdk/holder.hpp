// Models with one field, `v`, and what the tests of models ask of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <dojo/model.hpp>

#define HOLDER(Name, ...)      \
  struct Name {                \
    using Value = __VA_ARGS__; \
    Value v{};                 \
  };                           \
  DOJO_MODEL(Name, v)

namespace dojo {

/// The error's text, empty if there is none.
template <class T>
std::string why_not(std::string_view json) {
  const auto model = from_json<T>(json);
  if (model) return {};
  EXPECT_EQ(model.error().code, Code::invalid_body);
  return model.error().message;
}

template <class T>
std::string valued(const std::string& value) {
  return R"({"v":)" + value + "}";
}

template <class T>
std::optional<typename T::Value> read(const std::string& value) {
  auto model = from_json<T>(valued<T>(value));
  if (!model) return std::nullopt;
  return model->v;
}

template <class T>
std::string written(const typename T::Value& value) {
  auto text = to_json(T{value});
  return text ? *text : text.error().message;
}

inline rapidjson::Document schema_of(const std::string& text) {
  rapidjson::Document schema;
  schema.Parse(text.data(), text.size());
  EXPECT_FALSE(schema.HasParseError());
  return schema;
}

}  // namespace dojo
