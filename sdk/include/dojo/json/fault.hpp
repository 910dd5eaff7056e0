// Where reading or writing a model went wrong.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/cxx20.hpp>

namespace dojo::detail {

/// The path is put together from the inside outwards.
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

/// Faults of an object's values. Its last value of a key is the one that counts, as in Python: so
/// the others may be of any kind, and a fault stands only once the object has ended.
class ObjectFaults {
 public:
  /// @return false if there are too many to be remembered: then the first one stands
  [[nodiscard]] bool add(std::string_view key, Fault fault) {
    mend(key);
    faults_.emplace_back(key, std::move(fault));
    return faults_.size() <= kMost;
  }
  /// A good value has come for this key.
  void mend(std::string_view key) {
    if (faults_.empty()) return;
    std::erase_if(faults_, [&](const auto& known) { return known.first == key; });
  }
  /// @return true if a fault stands, the first one
  [[nodiscard]] bool stand(Fault& fault) {
    if (faults_.empty()) return false;
    fault = std::move(faults_.front().second);
    return true;
  }

 private:
  static constexpr std::size_t kMost = 64;  // a map's keys are as many as its sender likes
  std::vector<std::pair<std::string, Fault>> faults_;
};

}  // namespace dojo::detail
