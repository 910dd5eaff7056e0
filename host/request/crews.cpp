#include "request/roster.hpp"

#include <utility>

namespace dojo::request {

Status Roster::prepare(std::shared_ptr<plugins::Generation> generation) {
  return dispatcher_.engage(std::move(generation));
}

Status Roster::activate(const plugins::Generation& next, const plugins::Generation* previous) {
  const auto before = previous == nullptr ? nullptr : dispatcher_.crew_of(*previous);
  return routes_.swap(dispatcher_.crew_of(next), before.get());
}

void Roster::deactivate(const plugins::Generation& generation) {
  if (const auto crew = dispatcher_.crew_of(generation)) routes_.remove(*crew);
}

bool Roster::retire(const plugins::Generation& generation, std::chrono::milliseconds drain,
                    std::chrono::milliseconds grace) {
  const auto crew = dispatcher_.crew_of(generation);
  return !crew || dispatcher_.retire(*crew, drain, grace);
}

void Roster::forget(const plugins::Generation& generation) {
  dispatcher_.dismiss(generation);
}

plugins::Tally Roster::tally(const plugins::Generation& generation) const {
  const auto crew = dispatcher_.crew_of(generation);
  if (!crew) return {};
  return {crew->open(), crew->answered(), crew->failed()};
}

std::vector<double> Roster::failures_by_caller(const plugins::Generation& generation) const {
  const auto crew = dispatcher_.crew_of(generation);
  return crew ? crew->failures_by_caller() : std::vector<double>();
}

}  // namespace dojo::request
