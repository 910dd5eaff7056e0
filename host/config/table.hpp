// Reading a TOML file table by table, and saying of everything wrong where it is and what would be
// right.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <toml++/toml.h>

#include <dojo/result.hpp>

namespace dojo::host {

/// What is wrong with the file, with where it is.
class Complaints {
 public:
  /// @param file its path, or what stands for it
  explicit Complaints(std::string file) : file_(std::move(file)) {}
  [[nodiscard]] const std::string& file() const { return file_; }
  /// FILE:LINE
  [[nodiscard]] std::string place(const toml::source_region& where) const;
  /// The same without the folders above the file.
  [[nodiscard]] std::string short_place(const toml::source_region& where) const;
  void add(const toml::node& node, std::string_view text) { add(node.source(), text); }
  void add(const toml::source_region& where, std::string_view text);
  /// All of them, by line.
  [[nodiscard]] Status status() const;

 private:
  std::string file_;
  std::multimap<toml::source_index, std::string> found_;  // by line
};

/// Reads one table; what is left unread in the end is an unknown key.
class Table {
 public:
  Table(const toml::table* table, std::string name, Complaints& complaints)
      : table_(table), name_(std::move(name)), complaints_(complaints) {}
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  /// Complains of the keys that nobody asked for.
  ~Table();

  template <class T>
  void integer(std::string_view key, T& out, std::int64_t least,
               std::int64_t most = std::numeric_limits<std::int64_t>::max()) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto value = node->is_integer() ? node->value<std::int64_t>() : std::nullopt;
    if (value && *value >= least && *value <= most) {
      out = static_cast<T>(*value);
      return;
    }
    const auto range = most == std::numeric_limits<std::int64_t>::max()
                           ? fmt::format("of {} or more", least)
                           : fmt::format("from {} to {}", least, most);
    complaints_.add(*node, fmt::format("{} must be an integer {}", full(key), range));
  }
  template <class Rep, class Period>
  void duration(std::string_view key, std::chrono::duration<Rep, Period>& out, std::int64_t least,
                std::int64_t most = 1'000'000'000) {
    std::int64_t count = out.count();
    integer(key, count, least, most);
    out = std::chrono::duration<Rep, Period>(count);
  }
  void boolean(std::string_view key, bool& out);
  void boolean(std::string_view key, std::optional<bool>& out);
  /// A number of `least` or more, with or without a point.
  void real(std::string_view key, std::optional<double>& out, double least);
  /// A number in a range. @return whether the key is there
  bool number(std::string_view key, double& out, double least, double most);
  /// Bytes that the file has in MiB. @param most MiB
  template <class T>
  void mebibytes(std::string_view key, T& bytes, std::int64_t least, std::int64_t most) {
    T mib = bytes >> 20;
    integer(key, mib, least, most);
    bytes = mib << 20;
  }
  /// Complains of a key that means nothing without another one.
  void needs(std::string_view key, std::string_view other);
  /// @param take given the text, or the text and its node, returns what is wrong with it
  template <class Take>
  void string(std::string_view key, const Take& take) {
    if (const auto* node = find(key)) take_string(*node, full(key), take);
  }
  template <class Take>
  void strings(std::string_view key, Take take, bool may_be_empty = true) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto* array = node->as_array();
    if (array != nullptr && array->empty() && !may_be_empty) {
      complaints_.add(*node, fmt::format("{} must not be empty", full(key)));
    }
    if (array == nullptr) {
      complaints_.add(*node, fmt::format("{} must be a list of strings", full(key)));
      return;
    }
    for (std::size_t i = 0; i < array->size(); ++i) {
      take_string((*array)[i], fmt::format("{}[{}]", full(key), i), take);
    }
  }
  /// One text, or a list of them that is not empty.
  template <class Take>
  void string_or_strings(std::string_view key, const Take& take) {
    one_or_more(key, "a string or a list of strings",
                [&](const toml::node& node, const auto& what) {
                  if (!node.is_string()) return false;
                  take_string(node, what, take);
                  return true;
                });
  }
  /// One integer of a T, or a list of them that is not empty.
  template <class T>
  void integer_or_integers(std::string_view key, std::vector<T>& out) {
    const auto wanted = fmt::format("an integer from {} to {}, or a list of them",
                                    std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
    one_or_more(key, wanted, [&](const toml::node& node, const std::string&) {
      const auto value = node.is_integer() ? node.value<std::int64_t>() : std::nullopt;
      if (!value || !std::in_range<T>(*value)) return false;
      out.push_back(static_cast<T>(*value));
      return true;
    });
  }
  /// Null if there is none, or what there is is no table.
  const toml::table* table(std::string_view key);
  /// The tables of [[key]] with their full names.
  std::vector<std::pair<const toml::table*, std::string>> tables(std::string_view key);
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool has(std::string_view key) const {
    return table_ != nullptr && table_->contains(key);
  }
  /// Where a key stands, or else the table. Not for a table that is not there.
  [[nodiscard]] const toml::source_region& where(std::string_view key) const;
  /// Complains there, of `name.key`.
  void complain(std::string_view key, std::string_view text);

 private:
  const toml::node* find(std::string_view key);
  /// @param take given a node and its full name, returns whether it is what was wanted
  template <class Take>
  void one_or_more(std::string_view key, std::string_view wanted, const Take& take) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto* array = node->as_array();
    if (array == nullptr) {
      if (!take(*node, full(key))) {
        complaints_.add(*node, fmt::format("{} must be {}", full(key), wanted));
      }
      return;
    }
    if (array->empty()) complaints_.add(*node, fmt::format("{} must not be empty", full(key)));
    for (std::size_t i = 0; i < array->size(); ++i) {
      const auto what = fmt::format("{}[{}]", full(key), i);
      if (take((*array)[i], what)) continue;
      complaints_.add((*array)[i], fmt::format("{}: {} must be {}", what, full(key), wanted));
    }
  }
  template <class Take>
  void take_string(const toml::node& node, const std::string& what, const Take& take) {
    const auto value = node.is_string() ? node.value<std::string>() : std::nullopt;
    if (!value) {
      complaints_.add(node, fmt::format("{} must be a string", what));
      return;
    }
    Status status;
    if constexpr (std::is_invocable_v<Take, const std::string&, const toml::node&>) {
      status = take(*value, node);
    } else {
      status = take(*value);
    }
    if (!status) complaints_.add(node, fmt::format("{}: {}", what, status.error().message));
  }
  [[nodiscard]] std::string full(std::string_view key) const;

  const toml::table* table_;
  std::string name_;
  Complaints& complaints_;
  std::set<std::string, std::less<>> known_;
};

/// A path, relative to a folder or absolute, for Table::string().
std::function<Status(const std::string&)> path_into(std::filesystem::path& out,
                                                    const std::filesystem::path& folder);

/// One of some words, likewise.
template <class Value>
auto word_into(Value& out, std::initializer_list<std::pair<const char*, Value>> words) {
  return [&out, words = std::vector(words)](const std::string& text) -> Status {
    std::string known;
    for (const auto& [word, value] : words) {
      if (text == word) {
        out = value;
        return {};
      }
      known += fmt::format("{}\"{}\"", known.empty() ? "" : " or ", word);
    }
    return fail("must be " + known);
  };
}

}  // namespace dojo::host
