// From a path to the plugin that serves it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dojo/result.hpp>

#include "pipeline/gate.hpp"
#include "plugins/generation.hpp"

namespace dojo::pipeline {

/// A route of one generation. A request keeps its Route from admission to answer, and so never sees
/// two generations.
struct Route {
  std::shared_ptr<const plugins::Generation> generation;
  std::uint32_t index = 0;
  std::shared_ptr<Gate> gate;  ///< null: no limit of its own
  [[nodiscard]] const plugins::RouteInfo& info() const { return generation->routes()[index]; }
};

/// The routes of all generations that serve. Any thread.
class RouteTable {
 public:
  /// Adds a generation's routes, all or none. @return an error that names both plugins if one of
  /// them is taken.
  Status add(const std::shared_ptr<const plugins::Generation>& generation);
  /// @param path as in the request line, without query: "/Echo"
  [[nodiscard]] std::optional<Route> find(std::string_view path) const;
  [[nodiscard]] std::vector<Route> all() const;
  /// Lets go of every generation.
  void clear();

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Route, std::less<>> routes_;  // by name, without the slash
};

}  // namespace dojo::pipeline
