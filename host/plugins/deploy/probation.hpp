// Whether a new generation fails where the old one did not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/deploy/options.hpp"
#include "plugins/run/roster.hpp"

namespace dojo::plugins {

/// The part of requests that fails, every caller counting once however much it asks. 0 of nobody.
double failure_rate(const std::vector<double>& failures_by_caller);

/// Whether a generation is to be rolled back: of what the one before it would have answered, it
/// fails ReloadOptions::probation_failures percent or more; for all its callers together, and for
/// so many of them each alone. So neither what failed before nor one caller undoes a deployment.
/// @param failures_by_caller as of Roster @param before the old one's failure_rate()
bool fails_probation(const std::vector<double>& failures_by_caller, double before,
                     const ReloadOptions& options);

/// How generations do, by what the Roster has counted of them; of fewer than
/// ReloadOptions::probation_requests it says nothing. Any thread.
class Probation {
 public:
  /// Both must outlive it.
  Probation(const Roster& roster, const ReloadOptions& options)
      : roster_(roster), options_(options) {}
  /// What may fail of the next generation, since it does of this one; 0 if little is known.
  [[nodiscard]] double failing(const Generation& generation) const;
  /// @param before failing() of the generation before @return why this one is to be rolled back
  [[nodiscard]] std::optional<std::string> failure(const Generation& generation,
                                                   double before) const;

 private:
  [[nodiscard]] bool says_much(const Tally& tally) const {
    return tally.answered + tally.failed >= options_.probation_requests;
  }

  const Roster& roster_;
  const ReloadOptions& options_;
};

}  // namespace dojo::plugins
