// What is wrong with a text that is read, or with a model that is written, and where.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/cxx20.hpp>

namespace dojo {

/// What was found wrong, in the text's order. Where each stands is put together from the inside
/// outwards, by whatever holds what is wrong.
class Fault {
 public:
  /// How many are told; of more it is said that there are.
  static constexpr std::size_t kMostTold = 10;

  /// Says what is wrong with the value at hand. @return false, as a `read` or a `write` then does
  bool add(std::string what) {
    found_.push_back({{}, std::move(what)});
    return false;
  }

  /// For a value that was not read: something is wrong with it, said or not.
  /// @param known how many were found before it
  void ensure(std::size_t known) {
    if (size() == known) add("cannot be read");
  }

  [[nodiscard]] std::size_t size() const { return found_.size(); }
  /// Whether more were found than are told.
  [[nodiscard]] bool is_full() const { return found_.size() > kMostTold; }
  /// Whether there are too many to be remembered: then nothing more is read.
  [[nodiscard]] bool is_over() const { return found_.size() > kMostHeld; }

  /// Those from `first` on are of this field, element, or member of a map.
  void inside(std::string_view field, std::size_t first = 0) { step(std::string(field), first); }
  void inside(std::size_t index, std::size_t first = 0) {
    step('[' + std::to_string(index) + ']', first);
  }
  /// @param key cut, since its length is the sender's choice
  void inside_key(std::string_view key, std::size_t first = 0) {
    step("[\"" + std::string(key.substr(0, boundary(key, kLongestKey))) + "\"]", first);
  }

  /// Forgets `count` of them, from `first` on.
  void erase(std::size_t first, std::size_t count) {
    const auto at = found_.begin() + static_cast<std::ptrdiff_t>(first);
    found_.erase(at, at + static_cast<std::ptrdiff_t>(count));
  }
  /// Takes over those of another, as far as they are told; one at least.
  void append(Fault other) {
    for (auto& one : other.found_) {
      found_.push_back(std::move(one));
      if (is_full()) return;
    }
  }

  /// `completions[3]: expected string, got number; top_k: expected at least 1, got less`
  [[nodiscard]] std::string text() const {
    std::string text;
    for (std::size_t i = 0; i < std::min(found_.size(), kMostTold); ++i) {
      if (i != 0) text += "; ";
      const auto path = found_[i].path();
      if (!path.empty()) text += path + ": ";
      text += found_[i].what;
    }
    if (is_full()) text += "; and more";
    return text;
  }

 private:
  static constexpr std::size_t kMostHeld = 64;  // of which a later value may mend any
  static constexpr std::size_t kLongestKey = 80;
  static constexpr std::size_t kLongestPath = 400;

  struct Found {
    std::vector<std::string> steps;  // innermost first
    std::string what;

    /// Cut in the middle: a text may be nested deeply by whoever sends it.
    [[nodiscard]] std::string path() const {
      std::string path;
      for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        if (!path.empty() && step->front() != '[') path += '.';
        path += *step;
      }
      if (path.size() <= kLongestPath) return path;
      const auto head = boundary(path, kLongestPath / 2);
      const auto tail = boundary(path, path.size() - kLongestPath / 2);
      return path.substr(0, head) + " ... " + path.substr(tail);
    }
  };

  /// The last place that is no further than `most` and between two characters of UTF-8.
  static std::size_t boundary(std::string_view text, std::size_t most) {
    if (text.size() <= most) return text.size();
    while (most != 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
    return most;
  }
  void step(const std::string& step, std::size_t first) {
    for (auto i = first; i < found_.size(); ++i) found_[i].steps.push_back(step);
  }

  std::vector<Found> found_;
};

namespace detail {

/// What is wrong with an object's values, by their keys. The last value of a key is the one that
/// counts, as in Python: so the others may be of any kind, and what is wrong with one of them
/// stands only once the object has ended.
class FaultyKeys {
 public:
  explicit FaultyKeys(Fault& fault) : fault_(fault), first_(fault.size()) {}
  /// What was found since the last call is of this key's value.
  void add(std::string_view key) {
    mend(key);
    keys_.emplace_back(key, fault_.size() - end());
  }
  /// A good value has come for this key.
  void mend(std::string_view key) {
    if (keys_.empty()) return;
    auto at = first_;
    for (auto known = keys_.begin(); known != keys_.end(); ++known) {
      if (known->first == key) {
        fault_.erase(at, known->second);
        keys_.erase(known);
        return;
      }
      at += known->second;
    }
  }
  [[nodiscard]] bool none() const { return keys_.empty(); }
  /// How many of the faults are known here.
  [[nodiscard]] std::size_t end() const {
    auto at = first_;
    for (const auto& known : keys_) at += known.second;
    return at;
  }

 private:
  Fault& fault_;
  std::size_t first_;
  std::vector<std::pair<std::string, std::size_t>> keys_;  // with how many faults are theirs
};

}  // namespace detail
}  // namespace dojo
