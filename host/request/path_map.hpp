// What is found by a request's path.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace dojo::request {

/// "/v1/*" stands for all paths that begin with "/v1/". A path itself goes before those, and the
/// longer of them before the shorter.
template <class T>
class PathMap {
 public:
  /// @param path or such a pattern
  void insert_or_assign(const std::string& path, T value) {
    auto& map = is_pattern(path) ? patterns_ : paths_;
    map.insert_or_assign(path, std::move(value));
  }
  /// @param path without query @return null if there is none
  [[nodiscard]] const T* find(std::string_view path) const {
    if (const auto found = paths_.find(path); found != paths_.end()) return &found->second;
    const T* best = nullptr;
    std::size_t longest = 0;
    for (const auto& [pattern, value] : patterns_) {
      const auto begin = std::string_view(pattern).substr(0, pattern.size() - 1);
      if (begin.size() < longest || !path.starts_with(begin)) continue;
      best = &value;
      longest = begin.size();
    }
    return best;
  }
  /// Takes out all of which `predicate(value)` holds.
  template <class Predicate>
  void erase_if(Predicate predicate) {
    const auto holds = [&](const auto& entry) { return predicate(entry.second); };
    std::erase_if(paths_, holds);
    std::erase_if(patterns_, holds);
  }
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto* map : {&paths_, &patterns_}) {
      for (const auto& [path, value] : *map) visit(value);
    }
  }

 private:
  static bool is_pattern(std::string_view path) { return path.ends_with("/*"); }

  std::map<std::string, T, std::less<>> paths_;
  std::map<std::string, T, std::less<>> patterns_;
};

}  // namespace dojo::request
