#include "net/head.hpp"

#include <algorithm>
#include <string>

#include "net/grammar.hpp"

namespace dojo::net {
namespace {

constexpr std::string_view kHost = "host";
constexpr std::size_t kUsualFields = 16;

}  // namespace

std::string_view Head::path() const {
  const auto whole = target();
  return whole.substr(0, whole.find('?'));
}

std::size_t Head::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(fields_.begin(), fields_.end(), [&](const Entry& field) {
        return field.name.size == name.size() && same_word(at(field.name), name);
      }));
}

std::string_view Head::value(std::string_view name) const {
  const Entry* found = nullptr;
  for (const auto& field : fields_) {
    if (field.name.size != name.size() || !same_word(at(field.name), name)) continue;
    if (found != nullptr) return {};
    found = &field;
  }
  return found == nullptr ? std::string_view() : at(found->value);
}

void Head::assign(std::string_view bytes) {
  bytes_.assign(bytes);
  method_ = target_ = Part{};
  fields_.clear();
}

void Head::add(std::string_view name, std::string_view value) {
  if (fields_.empty()) fields_.reserve(kUsualFields);
  fields_.push_back({where(name), where(value)});
}

void Head::append_target(std::string_view text) {
  const std::string copy(text);  // it may be a part of what grows
  target_ = {static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(copy.size())};
  bytes_ += copy;
}

void Head::set_host(std::string_view part) {
  const auto host = std::find_if(fields_.begin(), fields_.end(), [&](const Entry& field) {
    return same_word(at(field.name), kHost);
  });
  if (host != fields_.end()) {
    host->value = where(part);
    return;
  }
  const auto value = where(part);
  const Part name{static_cast<std::uint32_t>(bytes_.size()),
                  static_cast<std::uint32_t>(kHost.size())};
  bytes_ += kHost;
  fields_.push_back({name, value});
}

Head::Part Head::where(std::string_view part) const {
  if (part.empty()) return {};
  return {static_cast<std::uint32_t>(part.data() - bytes_.data()),
          static_cast<std::uint32_t>(part.size())};
}

}  // namespace dojo::net
