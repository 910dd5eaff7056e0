#include "request/crews.hpp"

#include <utility>

namespace dojo::request {

Status Crews::prepare(std::shared_ptr<plugins::Generation> generation) {
  return dispatcher_.engage(std::move(generation));
}

Status Crews::activate(const plugins::Generation& next, const plugins::Generation* previous) {
  const auto before = previous == nullptr ? nullptr : dispatcher_.crew_of(*previous);
  return routes_.swap(dispatcher_.crew_of(next), before.get());
}

void Crews::deactivate(const plugins::Generation& generation) {
  if (const auto crew = dispatcher_.crew_of(generation)) routes_.remove(*crew);
}

bool Crews::retire(const plugins::Generation& generation, std::chrono::milliseconds drain,
                   std::chrono::milliseconds grace) {
  const auto crew = dispatcher_.crew_of(generation);
  return !crew || dispatcher_.retire(*crew, drain, grace);
}

void Crews::forget(const plugins::Generation& generation) {
  dispatcher_.dismiss(generation);
}

plugins::Tally Crews::tally(const plugins::Generation& generation) const {
  const auto crew = dispatcher_.crew_of(generation);
  if (!crew) return {};
  return {crew->open(), crew->answered(), crew->failed()};
}

std::vector<double> Crews::failures_by_caller(const plugins::Generation& generation) const {
  const auto crew = dispatcher_.crew_of(generation);
  return crew ? crew->failures_by_caller() : std::vector<double>();
}

}  // namespace dojo::request
