#include "net/head.hpp"

#include <algorithm>
#include <string>

#include "text/words.hpp"

namespace dojo::net {
namespace {

constexpr std::string_view kHost = "host";

}  // namespace

std::string_view Head::path() const {
  const auto whole = target();
  return whole.substr(0, whole.find('?'));
}

bool Head::is(const Entry& field, std::string_view name) const {
  return field.name.size == name.size() && text::same_word(at(field.name), name);
}

std::size_t Head::count(std::string_view name) const {
  std::size_t count = 0;
  for_each(name, [&](std::string_view /*value*/) { ++count; });
  return count;
}

std::string_view Head::value(std::string_view name) const {
  std::string_view found;
  std::size_t count = 0;
  for_each(name, [&](std::string_view value) {
    found = value;
    ++count;
  });
  return count == 1 ? found : std::string_view();
}

void Head::assign(std::string_view bytes) {
  constexpr std::string_view kLineEnd = "\r\n";
  bytes_.assign(bytes);
  method_ = target_ = lines_ = Part{};
  fields_.clear();
  const auto first = bytes_.find(kLineEnd);
  if (first == std::string::npos || !bytes_.ends_with("\r\n\r\n")) return;
  const auto begin = first + kLineEnd.size();
  lines_ = where(std::string_view(bytes_).substr(begin, bytes_.size() - kLineEnd.size() - begin));
}

void Head::add(std::string_view name, std::string_view value) {
  fields_.push_back({where(name), where(value)});
}

void Head::reduce_target(std::string_view host, std::string_view rest) {
  const auto its_host = where(host);  // all that is a view before anything grows
  target_ = rest.starts_with('/') ? where(rest) : append('/' + std::string(rest));
  const auto field = std::find_if(fields_.begin(), fields_.end(),
                                  [&](const Entry& entry) { return is(entry, kHost); });
  if (field != fields_.end()) {
    field->value = its_host;
  } else {
    fields_.push_back({append(kHost), its_host});
  }
}

/// @param text that is no part of bytes()
Head::Part Head::append(std::string_view text) {
  const Part part{static_cast<std::uint32_t>(bytes_.size()),
                  static_cast<std::uint32_t>(text.size())};
  bytes_ += text;
  return part;
}

Head::Part Head::where(std::string_view part) const {
  if (part.empty()) return {};
  return {static_cast<std::uint32_t>(part.data() - bytes_.data()),
          static_cast<std::uint32_t>(part.size())};
}

}  // namespace dojo::net
