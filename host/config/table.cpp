#include "config/table.hpp"

#include <filesystem>

#include <fmt/ranges.h>

#include "config/config.hpp"

namespace dojo::host {

std::string Complaints::place(const toml::source_region& where) const {
  return fmt::format("{}:{}", file_, where.begin.line);
}

std::string Complaints::short_place(const toml::source_region& where) const {
  return fmt::format("{}:{}", std::filesystem::path(file_).filename().string(), where.begin.line);
}

void Complaints::add(const toml::source_region& where, std::string_view text) {
  found_.emplace(where.begin.line, fmt::format("{}: {}", place(where), text));
}

Status Complaints::status() const {
  if (found_.empty()) return {};
  std::string text;
  for (const auto& [line, complaint] : found_) text += (text.empty() ? "" : "\n") + complaint;
  return fail(text);
}

Table::~Table() {
  if (table_ == nullptr) return;
  for (const auto& [key, node] : *table_) {
    if (known_.contains(key.str())) continue;
    complaints_.add(key.source(), fmt::format("there is no key {}; keys here are: {}",
                                              full(key.str()), fmt::join(known_, ", ")));
  }
}

void Table::boolean(std::string_view key, bool& out) {
  std::optional<bool> value;
  boolean(key, value);
  out = value.value_or(out);
}

void Table::boolean(std::string_view key, std::optional<bool>& out) {
  const auto* node = find(key);
  if (node == nullptr) return;
  if (const auto value = node->is_boolean() ? node->value<bool>() : std::nullopt) {
    out = value;
  } else {
    complaints_.add(*node, fmt::format("{} must be true or false", full(key)));
  }
}

void Table::real(std::string_view key, std::optional<double>& out, double least) {
  const auto* node = find(key);
  if (node == nullptr) return;
  const auto value = node->is_number() ? node->value<double>() : std::nullopt;
  // NaN is not above anything.
  if (value && *value >= least && *value <= std::numeric_limits<double>::max()) {
    out = value;
  } else {
    complaints_.add(*node, fmt::format("{} must be a number of {} or more", full(key), least));
  }
}

bool Table::number(std::string_view key, double& out, double least, double most) {
  const auto* node = find(key);
  if (node == nullptr) return false;
  const auto value = node->is_number() ? node->value<double>() : std::nullopt;
  if (value && *value >= least && *value <= most) {
    out = *value;
  } else {
    complaints_.add(*node,
                    fmt::format("{} must be a number from {} to {}", full(key), least, most));
  }
  return true;
}

void Table::needs(std::string_view key, std::string_view other) {
  if (const auto* node = find(key)) {
    complaints_.add(*node, fmt::format("{} counts only with {}: set it too, and not to 0",
                                       full(key), full(other)));
  }
}

const toml::table* Table::table(std::string_view key) {
  const auto* node = find(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table())
    complaints_.add(*node, fmt::format("{} must be a table: [{}]", full(key), full(key)));
  return node->as_table();
}

std::vector<std::pair<const toml::table*, std::string>> Table::tables(std::string_view key) {
  std::vector<std::pair<const toml::table*, std::string>> found;
  const auto* node = find(key);
  if (node == nullptr) return found;
  const auto* array = node->as_array();
  for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
    if (const auto* table = (*array)[i].as_table()) {
      found.emplace_back(table, fmt::format("{}[{}]", full(key), i));
    }
  }
  if (array == nullptr || found.size() != array->size()) {
    complaints_.add(*node, fmt::format("{} must be tables: [[{}]]", full(key), full(key)));
  }
  return found;
}

const toml::source_region& Table::where(std::string_view key) const {
  const auto* node = table_->get(key);
  return node == nullptr ? table_->source() : node->source();
}

void Table::complain(std::string_view key, std::string_view text) {
  complaints_.add(where(key), fmt::format("{} {}", full(key), text));
}

const toml::node* Table::find(std::string_view key) {
  known_.emplace(key);
  return table_ == nullptr ? nullptr : table_->get(key);
}

std::string Table::full(std::string_view key) const {
  return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

std::function<Status(const std::string&)> path_into(std::filesystem::path& out,
                                                    const std::filesystem::path& folder) {
  return [&out, folder](const std::string& text) -> Status {
    if (text.empty()) return fail("an empty path; leave the key out for the default");
    out = folder / expand_home(text);  // an absolute path replaces the folder
    return {};
  };
}

}  // namespace dojo::host
