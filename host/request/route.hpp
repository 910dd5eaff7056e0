// From a path to the plugin that serves it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <dojo/result.hpp>

#include "base/snapshot.hpp"
#include "request/crew.hpp"
#include "request/gate.hpp"
#include "request/path_map.hpp"

namespace dojo::request {

/// The name of the route that a path stands for where no plugin has said otherwise: "Echo" of
/// "/Echo"; empty if it stands for none.
inline std::string_view route_of(std::string_view path) {
  return path.starts_with('/') ? path.substr(1) : std::string_view();
}

/// A route of one generation. A request keeps its Route from the moment it is whole until it is
/// answered, and so never sees two generations.
struct Route {
  std::shared_ptr<Crew> crew;
  std::uint32_t index = 0;
  std::shared_ptr<Gate> gate;  ///< null: no limit of its own
  Crew::Stay stay;
  [[nodiscard]] const plugins::Generation& generation() const { return crew->generation(); }
  [[nodiscard]] const plugins::RouteInfo& info() const { return generation().routes()[index]; }
};

/// The routes of all generations that serve. Any thread.
class RouteTable {
 public:
  /// Adds the routes of `next` and takes away those of `previous` (null: there is none), in one
  /// step.
  /// @return an error that names both plugins if another one has a route of `next`; nothing has
  /// changed then.
  Status swap(const std::shared_ptr<Crew>& next, const Crew* previous);
  /// Takes a crew's routes away.
  void remove(const Crew& crew);
  /// @param path as in the request line, without query: "/Echo" @return the route, with a place for
  /// one request
  [[nodiscard]] std::optional<Route> find(std::string_view path) const;
  /// What such a route is, without a place and without a lock. @return null if there is none
  [[nodiscard]] std::shared_ptr<const plugins::RouteInfo> look_up(std::string_view path) const;
  [[nodiscard]] bool has(std::string_view name) const;

 private:
  struct Entry {
    std::shared_ptr<Crew> crew;
    std::uint32_t index = 0;
    std::shared_ptr<Gate> gate;
    [[nodiscard]] const plugins::RouteInfo& info() const {
      return crew->generation().routes()[index];
    }
  };
  using Entries = PathMap<Entry>;
  using Infos =
      PathMap<std::shared_ptr<const plugins::RouteInfo>>;  // keep no generation from ending
  void publish();

  mutable std::mutex mutex_;
  Entries entries_;
  base::Snapshot<Infos> infos_{std::make_shared<const Infos>()};
};

}  // namespace dojo::request
