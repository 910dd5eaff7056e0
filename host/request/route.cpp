#include "request/route.hpp"

#include <fmt/format.h>

namespace dojo::request {

Status RouteTable::swap(const std::shared_ptr<Crew>& next, const Crew* previous) {
  const auto& generation = next->generation();
  const auto& infos = generation.routes();
  Entries gone;
  const std::lock_guard lock(mutex_);
  for (const auto& info : infos) {
    const auto taken = entries_.find(info.name);
    if (taken == entries_.end() || taken->second.crew.get() == previous) continue;
    return fail(fmt::format("route /{} is claimed by both {} and {}; remove one of them", info.name,
                            taken->second.crew->generation().name(), generation.name()));
  }
  auto entries = entries_;
  std::erase_if(entries, [&](const auto& entry) { return entry.second.crew.get() == previous; });
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    auto gate = infos[i].concurrency == 0 ? nullptr : std::make_shared<Gate>(infos[i].concurrency);
    entries.insert_or_assign(infos[i].name, Entry{next, i, std::move(gate)});
  }
  gone = std::exchange(entries_, std::move(entries));
  return {};
}

void RouteTable::remove(const Crew& crew) {
  Entries gone;
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (entry->second.crew.get() == &crew) gone.insert(entries_.extract(entry));
    entry = next;
  }
}

std::optional<Route> RouteTable::find(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  const auto* entry = look_up(path);
  if (entry == nullptr) return std::nullopt;
  // The place is taken under the lock: once a crew's routes are gone, nobody new comes to it.
  return Route{entry->crew, entry->index, entry->gate, Crew::Stay(*entry->crew)};
}

bool RouteTable::has(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  return look_up(path) != nullptr;
}

const RouteTable::Entry* RouteTable::look_up(std::string_view path) const {
  const auto found = entries_.find(route_of(path));
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace dojo::request
