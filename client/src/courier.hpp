// Reads answers and hands them over, on a thread of its own: neither a large answer nor a slow
// callback keeps the connections waiting.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>

#include <dojo/client/options.hpp>

#include "call.hpp"

namespace dojo::detail {

class Courier {
 public:
  /// @param options outlive the courier. @param has_room called on the courier's thread once it is
  /// no longer full; does not throw. @throws std::system_error if there is no thread to be had.
  Courier(const ClientOptions& options, std::function<void()> has_room);

  /// Hands over what is left, and whatever that brings in.
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  /// Takes a call whose outcome is known out of `from`. Any thread.
  void take(Calls& from, Calls::iterator call) noexcept;

  /// As many wait as there are connections: sending more would only pile up answers. Any thread.
  [[nodiscard]] bool is_full() const noexcept;

  [[nodiscard]] bool on_own_thread() const {
    return std::this_thread::get_id() == thread_.get_id();
  }

 private:
  void run() noexcept;
  void hand_over(Call& call) noexcept;
  [[nodiscard]] Response response_to(Call& call) const;

  const ClientOptions& options_;
  const std::function<void()> has_room_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Calls waiting_;          // mutex_
  std::size_t count_ = 0;  // mutex_; waiting_, and the one that is being handed over
  bool closing_ = false;   // mutex_
  std::thread thread_;
};

}  // namespace dojo::detail
