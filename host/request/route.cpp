#include "request/route.hpp"

#include <fmt/format.h>

namespace dojo::request {

Status RouteTable::swap(const std::shared_ptr<Crew>& next, const Crew* previous) {
  const auto& generation = next->generation();
  const auto& infos = generation.routes();
  Entries gone;
  const std::lock_guard lock(mutex_);
  std::string rival;
  for (const auto& info : infos) {
    entries_.for_each([&](const Entry& entry) {
      const auto& known = entry.info();
      if (entry.crew.get() == previous || (known.name != info.name && known.path != info.path))
        return;
      rival = fmt::format("route {} is claimed by both {} and {}; remove one of them",
                          known.path == info.path ? info.path : info.name,
                          entry.crew->generation().name(), generation.name());
    });
  }
  if (!rival.empty()) return fail(std::move(rival));
  auto entries = entries_;
  entries.erase_if([&](const Entry& entry) { return entry.crew.get() == previous; });
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    auto gate = infos[i].concurrency == 0 ? nullptr : std::make_shared<Gate>(infos[i].concurrency);
    entries.insert_or_assign(infos[i].path, Entry{next, i, std::move(gate)});
  }
  gone = std::exchange(entries_, std::move(entries));
  publish();
  return {};
}

void RouteTable::remove(const Crew& crew) {
  Entries gone;
  const std::lock_guard lock(mutex_);
  gone = entries_;
  entries_.erase_if([&](const Entry& entry) { return entry.crew.get() == &crew; });
  publish();
}

std::optional<Route> RouteTable::find(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  const auto* entry = entries_.find(path);
  if (entry == nullptr) return std::nullopt;
  // The place is taken under the lock: once a crew's routes are gone, nobody new comes to it.
  return Route{entry->crew, entry->index, entry->gate, Crew::Stay(*entry->crew)};
}

std::shared_ptr<const plugins::RouteInfo> RouteTable::look_up(std::string_view path) const {
  const auto* info = infos_.read().find(path);
  return info == nullptr ? nullptr : *info;
}

bool RouteTable::has(std::string_view name) const {
  bool found = false;
  infos_.read().for_each([&](const auto& info) { found = found || info->name == name; });
  return found;
}

/// [mutex_]
void RouteTable::publish() {
  Infos infos;
  entries_.for_each([&](const Entry& entry) {
    infos.insert_or_assign(entry.info().path,
                           std::make_shared<const plugins::RouteInfo>(entry.info()));
  });
  infos_.publish(std::make_shared<const Infos>(std::move(infos)));
}

}  // namespace dojo::request
