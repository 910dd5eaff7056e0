#include "plugins/deploy/probation.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace dojo::plugins {

double failure_rate(const std::vector<double>& failures_by_caller) {
  if (failures_by_caller.empty()) return 0;
  return std::accumulate(failures_by_caller.begin(), failures_by_caller.end(), 0.0) /
         static_cast<double>(failures_by_caller.size());
}

// Percent. Rates are quotients of whole numbers, which are not that close to each other.
constexpr double kRounding = 1e-6;

bool fails_probation(const std::vector<double>& failures_by_caller, double before,
                     const ReloadOptions& options) {
  const auto too_many = [&](double failed) {
    return before < 1 &&
           (failed - before) / (1 - before) * 100 >= options.probation_failures - kRounding;
  };
  return too_many(failure_rate(failures_by_caller)) &&
         std::ranges::count_if(failures_by_caller, too_many) >= options.probation_callers;
}

double Probation::failing(const Generation& generation) const {
  if (!says_much(roster_.tally(generation))) return 0;
  return failure_rate(roster_.failures_by_caller(generation));
}

std::optional<std::string> Probation::failure(const Generation& generation, double before) const {
  const auto tally = roster_.tally(generation);
  if (!says_much(tally)) return std::nullopt;
  const auto callers = roster_.failures_by_caller(generation);
  if (!fails_probation(callers, before, options_)) return std::nullopt;
  return fmt::format("{} of its first {} requests failed, of {} callers", tally.failed,
                     tally.answered + tally.failed, callers.size());
}

}  // namespace dojo::plugins
