// What each stage of a request takes, as a histogram.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dojo::request {

/// Of one answer in kOneOf, how long each stage of its request took, in buckets. Any thread; costs
/// no lock.
class StageTimes {
 public:
  using Duration = std::chrono::nanoseconds;
  static constexpr unsigned kOneOf = 16;
  /// In the order in which a request passes them; the words of the log and of the metrics.
  static constexpr std::array<std::string_view, 7> kStages{
      "admission", "body", "signature", "queue", "inflation", "handler", "answer"};
  /// Upper bounds of the buckets; one more is for what takes longer.
  static constexpr std::array<Duration, 14> kBounds = [] {
    std::array<Duration, 14> bounds{};
    std::int64_t ns = 2'000;
    for (auto& bound : bounds) {
      bound = Duration(ns);
      ns *= 3;  // up to 3.2 s
    }
    return bounds;
  }();
  using Measured = std::array<Duration, kStages.size()>;

  struct Histogram {
    std::array<std::uint64_t, kBounds.size() + 1> buckets{};  ///< each by itself
    Duration sum{};
  };

  /// Whether the calling thread's next answer is one of those that are measured.
  [[nodiscard]] static bool is_due() {
    thread_local unsigned count = 0;
    return ++count % kOneOf == 0;
  }
  void add(const Measured& measured) {
    for (std::size_t i = 0; i < kStages.size(); ++i) {
      const auto bound = std::ranges::lower_bound(kBounds, measured[i]);
      auto& stage = stages_[i];
      const auto bucket = static_cast<std::size_t>(bound - kBounds.begin());
      stage.buckets[bucket].fetch_add(1, std::memory_order_relaxed);
      stage.sum.fetch_add(measured[i].count(), std::memory_order_relaxed);
    }
  }
  /// @param stage a place in kStages
  [[nodiscard]] Histogram read(std::size_t stage) const {
    Histogram read;
    for (std::size_t i = 0; i < read.buckets.size(); ++i)
      read.buckets[i] = stages_[stage].buckets[i].load(std::memory_order_relaxed);
    read.sum = Duration(stages_[stage].sum.load(std::memory_order_relaxed));
    return read;
  }

 private:
  struct alignas(64) Stage {
    std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets{};
    std::atomic<std::int64_t> sum{0};
  };
  std::array<Stage, kStages.size()> stages_;
};

}  // namespace dojo::request
