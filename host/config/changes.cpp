#include "config/changes.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace dojo::host {
namespace {

// Where Server::apply() reaches.
constexpr std::array<std::string_view, 7> kTakenOver{"access", "metagraph", "quota", "auth",
                                                     "routes", "plugins",   "run"};
// Sizes of what is made at the start.
constexpr std::array<std::string_view, 3> kOfTheStart{"auth.replay_mb", "auth.legacy_mb",
                                                      "auth.persist"};

bool is_taken_over(std::string_view key) {
  const auto table = key.substr(0, key.find('.'));
  return std::ranges::find(kTakenOver, table) != kTakenOver.end() &&
         std::ranges::find(kOfTheStart, key) == kOfTheStart.end();
}

template <class Wanted>
std::vector<std::string> differing(const Config& a, const Config& b, const Wanted& wanted) {
  std::vector<std::string> keys;
  const auto add_if_other = [&](const auto& written, const auto& in) {
    for (const auto& [key, value] : written) {
      const auto found = in.find(key);
      const bool same = found != in.end() && found->second == value;
      if (!same && wanted(key)) keys.push_back(key);
    }
  };
  add_if_other(a.written, b.written);
  add_if_other(b.written, a.written);
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  return keys;
}

}  // namespace

std::string ConfigChanges::text() const {
  std::string all = in_force.empty() ? "nothing that can be taken over has changed"
                                     : fmt::format("in force: {}", fmt::join(in_force, ", "));
  if (!need_restart.empty()) {
    all += fmt::format("\nneeds a restart: {}", fmt::join(need_restart, ", "));
  }
  return all;
}

ConfigChanges changes_of(const Config& start, const Config& before, const Config& next) {
  return {differing(before, next, is_taken_over),
          differing(start, next, [](std::string_view key) { return !is_taken_over(key); })};
}

}  // namespace dojo::host
