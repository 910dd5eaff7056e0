#include "pipeline/route.hpp"

#include <fmt/format.h>

namespace dojo::pipeline {

Status RouteTable::add(const std::shared_ptr<const plugins::Generation>& generation) {
  const std::lock_guard lock(mutex_);
  const auto& infos = generation->routes();
  for (const auto& info : infos) {
    const auto taken = routes_.find(info.name);
    if (taken == routes_.end()) continue;
    const auto& other = *taken->second.generation;
    return fail(fmt::format("route /{} is claimed by both {} ({}) and {} ({}); remove one of them",
                            info.name, other.name(), other.file().string(), generation->name(),
                            generation->file().string()));
  }
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    auto gate = infos[i].concurrency == 0 ? nullptr : std::make_shared<Gate>(infos[i].concurrency);
    routes_.emplace(infos[i].name, Route{generation, i, std::move(gate)});
  }
  return {};
}

std::optional<Route> RouteTable::find(std::string_view path) const {
  if (!path.starts_with('/')) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = routes_.find(path.substr(1));
  if (found == routes_.end()) return std::nullopt;
  return found->second;
}

std::vector<Route> RouteTable::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Route> routes;
  routes.reserve(routes_.size());
  for (const auto& [name, route] : routes_) routes.push_back(route);
  return routes;
}

void RouteTable::clear() {
  decltype(routes_) gone;
  const std::lock_guard lock(mutex_);
  gone.swap(routes_);
}

}  // namespace dojo::pipeline
