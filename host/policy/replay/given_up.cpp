#include "policy/replay/given_up.hpp"

#include <algorithm>

namespace dojo::policy {

std::array<std::optional<std::size_t>, 2> GivenUp::note(HolderId holder,
                                                        std::chrono::sys_seconds until) {
  auto& everybody = places_[kEverybody].until;
  if (until <= everybody) return {};
  latest_ = std::max(latest_, until);
  if (holder == kNobody) {
    everybody = until;
    return {kEverybody};
  }
  auto place = std::ranges::find(places_.begin() + 1, places_.end(), holder, &Place::holder);
  if (place != places_.end()) {
    if (until <= place->until) return {};
    place->until = until;
    return {static_cast<std::size_t>(place - places_.begin())};
  }
  // An empty place, or that of the earliest time: it is too old to matter first.
  place = std::ranges::min_element(places_.begin() + 1, places_.end(), {}, &Place::until);
  if (until < place->until) {
    everybody = until;
    return {kEverybody};
  }
  everybody = std::max(everybody, place->until);
  *place = {holder, until};
  return {kEverybody, static_cast<std::size_t>(place - places_.begin())};
}

std::chrono::sys_seconds GivenUp::until(HolderId holder) const {
  const auto place = std::ranges::find(places_.begin() + 1, places_.end(), holder, &Place::holder);
  const auto everybody = places_[kEverybody].until;
  return place == places_.end() ? everybody : std::max(everybody, place->until);
}

}  // namespace dojo::policy
