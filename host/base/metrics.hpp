// The host's metrics, in Prometheus' words.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dojo::base {

/// Numbers of the host's own, all of one name.
struct Family {
  enum class Kind { counter, gauge, histogram };
  struct Bucket {
    double bound = 0;         ///< what is not above it; infinity in the last one
    std::uint64_t count = 0;  ///< of what is in no bucket before
  };
  struct Sample {
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;               ///< of a histogram: the sum
    std::vector<Bucket> buckets{};  ///< of a histogram
  };
  std::string name;  ///< "dojo_answers_total"
  std::string help;
  Kind kind = Kind::counter;
  std::vector<Sample> samples;
};
/// Asked each time the metrics are read. Any thread.
using Families = std::function<std::vector<Family>()>;

/// Counters and histograms of plugins. They are the host's, so a plugin that is replaced goes on
/// counting where it was. Any thread; never throws; a name that is known costs no lock.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Adds to a plugin's counter, `dojo_plugin_<name>{plugin="…"}`. Dropped, and counted as
  /// dojo_metrics_dropped_total{plugin="…",reason="…"}, is what has no name ("name": letters,
  /// digits, '_', 1 to 64 of them), a plugin's 65th ("limit"), a name that is a metric of another
  /// kind, also of another plugin's, or would look like a part of one ("kind"), and no amount
  /// ("value": negative, not finite).
  void count(std::string_view plugin, std::string_view name, double amount) noexcept;
  /// The same for a histogram. Its buckets are made for seconds: 0.1 ms to 1000 s.
  void observe(std::string_view plugin, std::string_view name, double value) noexcept;

  /// Shows the host's own numbers too, from now on. Not while text() is called.
  void show(Families families);

  /// All of them in Prometheus' text exposition format.
  [[nodiscard]] std::string text() const;

 private:
  class Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace dojo::base
