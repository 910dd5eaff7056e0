// What the next process has to know of keys that were given up.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

#include "policy/replay/replay_store.hpp"

namespace dojo::policy {

/// Up to which time messages may have been forgotten: of each of a few hundred holders, and of
/// everybody, which takes in whom there was no place for. For one thread at a time.
class GivenUp {
 public:
  static constexpr std::size_t kPlaces = 257;
  struct Place {
    HolderId holder = kNobody;
    std::chrono::sys_seconds until{};
  };

  /// @param holder kNobody: anybody's @return which places are others now; the first is everybody's
  std::array<std::optional<std::size_t>, 2> note(HolderId holder, std::chrono::sys_seconds until);
  [[nodiscard]] const Place& place(std::size_t number) const { return places_[number]; }
  [[nodiscard]] std::chrono::sys_seconds until(HolderId holder) const;
  /// Whether messages of that time are anybody's whom this knows of.
  [[nodiscard]] bool concerns(std::chrono::sys_seconds time) const { return time <= latest_; }

 private:
  static constexpr std::size_t kEverybody = 0;
  std::array<Place, kPlaces> places_{};
  std::chrono::sys_seconds latest_{};  // of all
};

}  // namespace dojo::policy
