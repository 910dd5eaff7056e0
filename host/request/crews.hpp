// Who serves which routes.
#pragma once

#include <memory>
#include <vector>

#include "plugins/run/roster.hpp"
#include "request/dispatch.hpp"
#include "request/route.hpp"

namespace dojo::request {

class Crews final : public plugins::Roster {
 public:
  /// Both must outlive it.
  Crews(RouteTable& routes, Dispatcher& dispatcher) : routes_(routes), dispatcher_(dispatcher) {}

  Status prepare(std::shared_ptr<plugins::Generation> generation) override;
  Status activate(const plugins::Generation& next, const plugins::Generation* previous) override;
  void deactivate(const plugins::Generation& generation) override;
  bool retire(const plugins::Generation& generation, std::chrono::milliseconds drain,
              std::chrono::milliseconds grace) override;
  void forget(const plugins::Generation& generation) override;
  [[nodiscard]] plugins::Tally tally(const plugins::Generation& generation) const override;
  [[nodiscard]] std::vector<double> failures_by_caller(
      const plugins::Generation& generation) const override;

 private:
  RouteTable& routes_;
  Dispatcher& dispatcher_;
};

}  // namespace dojo::request
