// One admitted request on its way through the executor.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "access/quotas.hpp"
#include "net/address.hpp"
#include "pipeline/answer.hpp"
#include "pipeline/dialect.hpp"
#include "pipeline/route.hpp"

namespace dojo::pipeline {

/// Whoever waits for an answer, at the other end of the wire. Move it, answer it once. Any thread.
class Waiting {
 public:
  virtual ~Waiting() = default;
  virtual void answer(Answer answer) noexcept = 0;
  /// True once nobody will read the answer.
  [[nodiscard]] virtual bool abandoned() const noexcept = 0;
};

/// When each stage was done. Differences are what the stage cost.
struct Times {
  using Point = std::chrono::steady_clock::time_point;
  Point received;            ///< the head was whole
  Point admitted;            ///< authenticated and routed
  Point submitted;           ///< its body was whole
  Point pushed;              ///< put into the queue, for the last time
  Point started;             ///< taken up by a worker, for the last time
  Point::duration queued{};  ///< all of its time in the queue; with hooks it waits twice
};

/// A part of a total, taken off it again in the end. The total must live longer.
class Share {
 public:
  Share() = default;
  Share(std::atomic<std::uint64_t>& total, std::uint64_t amount) : total_(&total), amount_(amount) {
    total += amount;
  }
  Share(Share&& other) noexcept
      : total_(std::exchange(other.total_, nullptr)), amount_(other.amount_) {}
  Share& operator=(Share&& other) noexcept {
    std::swap(total_, other.total_);
    std::swap(amount_, other.amount_);
    return *this;
  }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  ~Share() {
    if (total_ != nullptr) *total_ -= amount_;
  }

 private:
  std::atomic<std::uint64_t>* total_ = nullptr;
  std::uint64_t amount_ = 0;
};

struct Call {
  Terms terms;
  Caller caller;
  access::Quotas::Place place;  ///< among its hotkey's requests
  double weight = 1;            ///< of the caller among those who share the workers; 1 is average
  Route route;
  net::IpAddress ip;
  std::string peer;         ///< the same as text
  std::string body;         ///< as sent; a worker puts the decompressed one in its place
  bool compressed = false;  ///< `body` is zstd
  Share decompressed;       ///< of the dispatcher's total, once `body` is decompressed
  Times times;
  Times::Point deadline;
  std::unique_ptr<Waiting> waiting;  ///< null once it has been answered
};

}  // namespace dojo::pipeline
