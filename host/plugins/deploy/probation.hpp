// Whether a new generation fails where the old one did not.
#pragma once

#include <vector>

#include "plugins/deploy/options.hpp"

namespace dojo::plugins {

/// The part of requests that fails, every caller counting once however much it asks. 0 of nobody.
double failure_rate(const std::vector<double>& failures_by_caller);

/// Whether a generation is to be rolled back: of what the one before it would have answered, it
/// fails ReloadOptions::probation_failures percent or more; for all its callers together, and for
/// so many of them each alone. So neither what failed before nor one caller undoes a deployment.
/// @param failures_by_caller as of Roster @param before the old one's failure_rate()
bool fails_probation(const std::vector<double>& failures_by_caller, double before,
                     const ReloadOptions& options);

}  // namespace dojo::plugins
