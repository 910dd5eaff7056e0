// Where generations serve, seen from those who bring them up and take them down.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include <dojo/result.hpp>

namespace dojo::plugins {

class Generation;

/// What a generation has done, and has to do.
struct Tally {
  std::uint64_t in_flight = 0;
  std::uint64_t answered = 0;  ///< by its handlers, errors of their own choice included
  std::uint64_t failed = 0;    ///< its handlers failed, or were too late
};

/// The life of a generation here: prepare, activate, deactivate, retire, forget. Any thread, but
/// for one generation one at a time.
class Roster {
 public:
  virtual ~Roster() = default;
  /// Engages threads for a generation that is not loaded yet, so that it can post work. It is kept
  /// until forget(). @return an error if there are no threads to be had
  virtual Status prepare(std::shared_ptr<Generation> generation) = 0;
  /// From now on requests for its routes go to `next`, and none to `previous`, which may be null.
  /// It is one step: no request meets neither or both. @return an error that names who has one of
  /// the routes; nothing has changed then
  virtual Status activate(const Generation& next, const Generation* previous) = 0;
  virtual void deactivate(const Generation& generation) = 0;
  /// Of a generation that is not active. Waits for its requests until `drain`; those that are left
  /// are cancelled, get `grace` to come to an end, and are answered for. Then ends its threads.
  /// @return false if one of them has not come back from the plugin within `grace`. May be called
  /// again then.
  virtual bool retire(const Generation& generation, std::chrono::milliseconds drain,
                      std::chrono::milliseconds grace) = 0;
  /// Frees what was kept for a generation that has ended: its code does not run any more.
  virtual void forget(const Generation& generation) = 0;
  [[nodiscard]] virtual Tally tally(const Generation& generation) const = 0;
  /// Of each caller that a generation has had, the part of its requests that failed, 0 to 1. Of
  /// some thousands of them, the first ones.
  [[nodiscard]] virtual std::vector<double> failures_by_caller(
      const Generation& generation) const = 0;
};

}  // namespace dojo::plugins
