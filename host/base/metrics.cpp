#include "base/metrics.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <dojo/names.hpp>

namespace dojo::base {
namespace {

constexpr std::size_t kMostPerPlugin = 64;
const prometheus::Histogram::BucketBoundaries kBuckets{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
    0.5,    1,       2.5,    5,     10,     25,    50,   100,   250,  500, 1000};

enum class Kind { counter, histogram };

/// Why a call is dropped.
enum Reason : std::size_t { kBadName, kLimit, kOtherKind, kBadValue, kReasons };
constexpr std::array<const char*, kReasons> kReasonNames = {"name", "limit", "kind", "value"};

/// One metric of one plugin: one of the two is set.
struct Series {
  std::string name{};
  prometheus::Counter* counter = nullptr;
  prometheus::Histogram* histogram = nullptr;
};

/// A plugin's metrics: a hash table that only ever grows, so that reading needs no lock.
class Plugin {
 public:
  explicit Plugin(std::string_view name) : name_(name) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Series* find(std::string_view name) const {
    for (auto at = first_slot(name);; at = (at + 1) % kSlots) {
      const auto* series = slots_[at].load(std::memory_order_acquire);
      if (series == nullptr || series->name == name) return series;
    }
  }
  [[nodiscard]] bool full() const {
    return count_.load(std::memory_order_relaxed) == kMostPerPlugin;
  }
  /// For one thread at a time; not if it is full.
  const Series* add(Series made) {
    auto at = first_slot(made.name);
    while (slots_[at].load(std::memory_order_relaxed) != nullptr) at = (at + 1) % kSlots;
    auto& kept = series_[count_.load(std::memory_order_relaxed)];
    kept = std::move(made);
    slots_[at].store(&kept, std::memory_order_release);
    count_.fetch_add(1, std::memory_order_relaxed);
    return &kept;
  }

  std::array<prometheus::Counter*, kReasons> dropped{};
  const Plugin* next = nullptr;

 private:
  static std::size_t first_slot(std::string_view name) {
    return std::hash<std::string_view>()(name) % kSlots;
  }

  static constexpr std::size_t kSlots = 4 * kMostPerPlugin;
  const std::string name_;
  std::array<Series, kMostPerPlugin> series_;
  std::atomic<std::size_t> count_{0};
  std::array<std::atomic<const Series*>, kSlots> slots_{};
};

prometheus::MetricType type_of(Family::Kind kind) {
  switch (kind) {
    case Family::Kind::counter:
      return prometheus::MetricType::Counter;
    case Family::Kind::gauge:
      return prometheus::MetricType::Gauge;
    case Family::Kind::histogram:
      break;
  }
  return prometheus::MetricType::Histogram;
}

void fill(prometheus::ClientMetric& metric, Family::Kind kind, const Family::Sample& sample) {
  if (kind == Family::Kind::counter) metric.counter.value = sample.value;
  if (kind == Family::Kind::gauge) metric.gauge.value = sample.value;
  if (kind != Family::Kind::histogram) return;
  auto& histogram = metric.histogram;
  histogram.sample_sum = sample.value;
  for (const auto& bucket : sample.buckets) {
    histogram.sample_count += bucket.count;
    histogram.bucket.push_back({histogram.sample_count, bucket.bound});
  }
}

prometheus::MetricFamily to_prometheus(Family family) {
  prometheus::MetricFamily made;
  made.name = std::move(family.name);
  made.help = std::move(family.help);
  made.type = type_of(family.kind);
  for (auto& sample : family.samples) {
    prometheus::ClientMetric metric;
    for (auto& [name, value] : sample.labels) {
      metric.label.push_back({std::move(name), std::move(value)});
    }
    fill(metric, family.kind, sample);
    made.metric.push_back(std::move(metric));
  }
  return made;
}

}  // namespace

class Metrics::Tables {
 public:
  /// @return the metric, or null: the call is dropped, and counted
  const Series* series(std::string_view plugin, std::string_view name, Kind kind, bool sound) {
    const auto& of = find_or_add(plugin);
    if (!sound) return drop(of, kBadValue);
    const auto* known = of.find(name);
    if (known == nullptr) {
      if (!is_metric_name(name)) return drop(of, kBadName);
      if (of.full()) return drop(of, kLimit);
      known = add(plugin, name, kind);
    }
    const bool fits = known != nullptr && (kind == Kind::counter ? known->counter != nullptr
                                                                 : known->histogram != nullptr);
    return fits ? known : drop(of, kOtherKind);
  }

  void show(Families families) { families_ = std::move(families); }
  [[nodiscard]] std::string text() const {
    auto all = registry_.Collect();
    if (families_) {
      for (auto& family : families_()) all.push_back(to_prometheus(std::move(family)));
    }
    return prometheus::TextSerializer().Serialize(all);
  }

 private:
  static const Series* drop(const Plugin& plugin, Reason reason) {
    plugin.dropped[reason]->Increment();
    return nullptr;
  }

  [[nodiscard]] const Plugin* find(std::string_view name) const {
    const auto* plugin = first_.load(std::memory_order_acquire);
    while (plugin != nullptr && plugin->name() != name) plugin = plugin->next;
    return plugin;
  }
  const Plugin& find_or_add(std::string_view name) {
    if (const auto* known = find(name)) return *known;
    const std::lock_guard lock(mutex_);
    if (const auto* known = find(name)) return *known;
    auto made = std::make_unique<Plugin>(name);
    for (std::size_t i = 0; i < kReasons; ++i) {
      made->dropped[i] = &dropped_.Add({{"plugin", made->name()}, {"reason", kReasonNames[i]}});
    }
    made->next = first_.load(std::memory_order_relaxed);
    plugins_.push_back(std::move(made));
    first_.store(plugins_.back().get(), std::memory_order_release);
    return *plugins_.back();
  }

  /// @return null if the name is one of another kind
  const Series* add(std::string_view plugin, std::string_view name, Kind kind) {
    const std::lock_guard lock(mutex_);
    auto& of = **std::ranges::find(plugins_, plugin,
                                   [](const auto& one) -> std::string_view { return one->name(); });
    if (const auto* known = of.find(name)) return known;
    if (of.full() || !may_be(name, kind)) return nullptr;
    kinds_.try_emplace(std::string(name), kind);
    return of.add(make(of.name(), name, kind));
  }

  /// A name has one kind for all plugins, and a histogram's own series have no namesakes.
  [[nodiscard]] bool may_be(std::string_view name, Kind kind) const {
    if (const auto known = kinds_.find(name); known != kinds_.end()) return known->second == kind;
    for (const std::string_view part : {"_bucket", "_sum", "_count"}) {
      if (kind == Kind::histogram && kinds_.contains(std::string(name) + std::string(part))) {
        return false;
      }
      if (!name.ends_with(part)) continue;
      const auto whole = kinds_.find(name.substr(0, name.size() - part.size()));
      if (whole != kinds_.end() && whole->second == Kind::histogram) return false;
    }
    return true;
  }

  Series make(const std::string& plugin, std::string_view name, Kind kind) {
    Series series{std::string(name)};
    const auto full = "dojo_plugin_" + std::string(name);
    if (kind == Kind::counter) {
      series.counter = &prometheus::BuildCounter()
                            .Name(full)
                            .Help("Counted by plugins")
                            .Register(registry_)
                            .Add({{"plugin", plugin}});
    } else {
      series.histogram = &prometheus::BuildHistogram()
                              .Name(full)
                              .Help("Observed by plugins")
                              .Register(registry_)
                              .Add({{"plugin", plugin}}, kBuckets);
    }
    return series;
  }

  Families families_;
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& dropped_ =
      prometheus::BuildCounter()
          .Name("dojo_metrics_dropped_total")
          .Help(
              "Calls of plugins that named no metric, one too many, one of another kind, or no "
              "amount")
          .Register(registry_);
  std::atomic<const Plugin*> first_{nullptr};
  std::mutex mutex_;  // for what is added
  std::vector<std::unique_ptr<Plugin>> plugins_;
  std::map<std::string, Kind, std::less<>> kinds_;
};

Metrics::Metrics() : tables_(std::make_unique<Tables>()) {}
Metrics::~Metrics() = default;

void Metrics::count(std::string_view plugin, std::string_view name, double amount) noexcept {
  try {
    const bool sound = std::isfinite(amount) && amount >= 0;
    const auto* series = tables_->series(plugin, name, Kind::counter, sound);
    if (series != nullptr) series->counter->Increment(amount);
  } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory; a number less is the least of it
  }
}

void Metrics::observe(std::string_view plugin, std::string_view name, double value) noexcept {
  try {
    const auto* series = tables_->series(plugin, name, Kind::histogram, std::isfinite(value));
    if (series != nullptr) series->histogram->Observe(value);
  } catch (...) {  // NOLINT(bugprone-empty-catch): likewise
  }
}

void Metrics::show(Families families) {
  tables_->show(std::move(families));
}

std::string Metrics::text() const {
  return tables_->text();
}

}  // namespace dojo::base
