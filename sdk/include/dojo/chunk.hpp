// What may be a chunk of a streamed answer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <dojo/model.hpp>

namespace dojo {

inline constexpr std::size_t kLongestChunk = std::size_t{1} << 20;  ///< bytes
inline constexpr int kDeepestChunk = 128;  ///< levels of arrays and objects

namespace detail {

/// How deep JSON is nested that has been checked.
inline int depth_of_json(std::string_view json) {
  int deepest = 0;
  int depth = 0;
  for (std::size_t i = 0; i < json.size(); ++i) {
    switch (json[i]) {
      case '"':
        for (++i; json[i] != '"'; ++i) {
          if (json[i] == '\\') ++i;
        }
        break;
      case '{':
      case '[':
        deepest = std::max(deepest, ++depth);
        break;
      case '}':
      case ']':
        --depth;
        break;
      default:
        break;
    }
  }
  return deepest;
}

}  // namespace detail

/// What is wrong with a chunk, if anything: it is one JSON object or array on one line, since only
/// those show by themselves where they end, so that nobody on the way can move the border between
/// two of them under a good signature. Any thread.
inline std::optional<std::string> fault_of_chunk(std::string_view json) {
  if (json.size() > kLongestChunk) return "longer than " + std::to_string(kLongestChunk) + " bytes";
  if (!json.starts_with('{') && !json.starts_with('['))
    return "no JSON object or array, or with something before it";
  if (json.find_first_of("\r\n") != std::string_view::npos) return "of more than one line";
  if (const auto status = check_json(json); !status) return status.error().message;
  if (detail::depth_of_json(json) > kDeepestChunk)
    return "nested deeper than " + std::to_string(kDeepestChunk) + " levels";
  return std::nullopt;
}

}  // namespace dojo
