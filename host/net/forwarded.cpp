#include "net/forwarded.hpp"

#include <algorithm>
#include <utility>

#include "text/words.hpp"

namespace dojo::net {
namespace {

constexpr std::string_view kForwarded = "forwarded";
constexpr std::string_view kForwardedFor = "x-forwarded-for";

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/// Takes `forwarded-pair`s off a field, one after the other.
class Pairs {
 public:
  explicit Pairs(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  /// Blanks, then that character.
  bool take(char c) {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  /// Empty if there is none.
  std::string_view token() {
    const auto end = std::ranges::find_if_not(
        rest_, [](char c) { return text::kTokenBytes[static_cast<unsigned char>(c)]; });
    const auto found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
  }
  /// A token or a quoted string (RFC 9110, 5.6.4), without its quotes.
  std::optional<std::string> value() {
    if (!rest_.starts_with('"')) {
      const auto found = token();
      return found.empty() ? std::nullopt : std::optional(std::string(found));
    }
    std::string found;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return found;
      }
      if (rest_[i] == '\\') ++i;
      if (i < rest_.size()) found += rest_[i];
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_;
};

/// One forwarded-element. @return the value of its `for`; nothing if it is malformed
std::optional<std::string> take_element(Pairs& pairs) {
  std::optional<std::string> node;
  do {
    pairs.skip_blanks();
    const auto name = pairs.token();
    if (name.empty()) continue;  // the grammar lets a pair be left out
    if (!pairs.take('=')) return std::nullopt;
    auto value = pairs.value();
    if (!value) return std::nullopt;
    if (!text::same_word(name, "for")) continue;
    if (node) return std::nullopt;
    node = std::move(value);
  } while (pairs.take(';'));
  return node.value_or("");
}

using Nodes = std::vector<std::string>;

/// Of all fields of that name, in their order. @return nothing if one is malformed
std::optional<Nodes> nodes_of_forwarded(const Head& head) {
  std::optional<Nodes> all(std::in_place);
  head.for_each(kForwarded, [&](std::string_view field) {
    auto nodes = parse_forwarded(field);
    if (!nodes) all.reset();
    if (all) std::ranges::move(*nodes, std::back_inserter(*all));
  });
  return all;
}

Nodes nodes_of_forwarded_for(const Head& head) {
  Nodes all;
  head.for_each(kForwardedFor, [&](std::string_view field) {
    while (!field.empty()) {
      if (const auto node = text::take(field, ','); !node.empty()) all.emplace_back(node);
    }
  });
  return all;
}

Forwarded last_of(const Nodes& nodes, std::span<const base::Network> proxies) {
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const auto address = parse_node(*node);
    if (!address) break;
    if (base::holds(proxies, *address)) continue;
    return {Forwarded::State::named, *address, {}};
  }
  return {Forwarded::State::unnamed, {}, {}};
}

}  // namespace

Forwarded read_forwarded(const Head& head, std::span<const base::Network> proxies) {
  const bool by_forwarded = head.count(kForwarded) != 0;
  const bool by_forwarded_for = head.count(kForwardedFor) != 0;
  if (!by_forwarded) {
    return by_forwarded_for ? last_of(nodes_of_forwarded_for(head), proxies) : Forwarded{};
  }
  const auto nodes = nodes_of_forwarded(head);
  if (!nodes) return {Forwarded::State::malformed, {}, "malformed Forwarded"};
  const auto said = last_of(*nodes, proxies);
  if (!by_forwarded_for) return said;
  const auto other = last_of(nodes_of_forwarded_for(head), proxies);
  if (other.state == said.state && other.caller == said.caller) return said;
  return {Forwarded::State::malformed, {}, "Forwarded and X-Forwarded-For disagree"};
}

std::optional<std::vector<std::string>> parse_forwarded(std::string_view field) {
  std::vector<std::string> nodes;
  Pairs pairs(field);
  do {
    auto node = take_element(pairs);
    if (!node) return std::nullopt;
    nodes.push_back(std::move(*node));
  } while (pairs.take(','));
  pairs.skip_blanks();
  if (!pairs.at_end()) return std::nullopt;
  return nodes;
}

std::optional<base::IpAddress> parse_node(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    const bool only_a_port_behind =
        end != std::string_view::npos && (end + 1 == text.size() || text[end + 1] == ':');
    if (!only_a_port_behind) return std::nullopt;
    return base::IpAddress::parse(text.substr(1, end - 1));
  }
  const auto colon = text.find(':');
  const bool v4_with_port = colon != std::string_view::npos && colon == text.rfind(':');
  return base::IpAddress::parse(v4_with_port ? text.substr(0, colon) : text);
}

}  // namespace dojo::net
