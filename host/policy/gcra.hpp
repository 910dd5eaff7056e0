// Generic cell rate algorithm (ITU-T I.371): a rate, and what one caller has had of it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace dojo::policy {

/// So much a second in the long run, and so much at once. per_s 0: no limit.
struct Rate {
  double per_s = 0;
  double burst = 1;
};

using Nanoseconds = std::int64_t;  // of the steady clock

/// A rate as the algorithm wants it: increment T, limit tau.
class Pace {
 public:
  Pace() = default;
  explicit Pace(const Rate& rate) : burst_(rate.burst) {
    if (rate.per_s > 0) each_ = std::min(1e9 / rate.per_s, kFar);
  }
  /// Whether it limits anything.
  [[nodiscard]] explicit operator bool() const { return each_ > 0; }
  [[nodiscard]] Pace times(double weight) const {
    Pace scaled = *this;
    if (weight > 0) scaled.each_ /= weight;
    return scaled;
  }
  /// Rounded down, so that a burst of n units one by one is within a burst of n.
  [[nodiscard]] Nanoseconds cost(double units) const {
    return static_cast<Nanoseconds>(std::min(each_ * units, kFar));
  }
  [[nodiscard]] Nanoseconds limit() const { return cost(burst_); }

 private:
  // No time of ours is further ahead than this: ten years.
  static constexpr double kFar = 315'360'000e9;

  double each_ = 0;   // ns a unit; 0: no limit
  double burst_ = 0;  // units
};

/// An account: when all that was asked for would have been due, had it come evenly (the algorithm's
/// theoretical arrival time). 0 or past: nothing is owed.
struct Account {
  Nanoseconds due = 0;

  /// ns until `units` may be charged; 0: now. More than a burst may be, once nothing is owed.
  [[nodiscard]] Nanoseconds wait(const Pace& pace, double units, Nanoseconds now) const {
    const auto room = std::max<Nanoseconds>(pace.limit() - pace.cost(units), 0);
    return std::max<Nanoseconds>(due - room - now, 0);
  }
  void charge(const Pace& pace, double units, Nanoseconds now) {
    due = std::max(due, now) + pace.cost(units);
  }
};

}  // namespace dojo::policy
