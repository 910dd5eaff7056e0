// Many requests of which only so many are under way at once.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "engine.hpp"

namespace dojo::detail {

/// Lives as long as one of its requests. `add` from one thread; the rest happens on the courier's.
class Batch : public std::enable_shared_from_this<Batch> {
 public:
  using DeliverNth = std::function<void(std::size_t, Response&&)>;

  /// @param concurrency 0: no limit. @param deliver called on the courier's thread.
  Batch(Engine& engine, std::size_t concurrency, DeliverNth deliver);

  /// A list of one call, whose `deliver` is set here.
  void add(std::size_t index, Calls call);

  [[nodiscard]] const Engine& engine() const { return engine_; }

 private:
  void delivered(std::size_t index, Response&& response);

  Engine& engine_;
  const std::size_t concurrency_;
  const DeliverNth deliver_;
  std::mutex mutex_;
  std::size_t under_way_ = 0;  // mutex_
  Calls waiting_;              // mutex_
};

}  // namespace dojo::detail
