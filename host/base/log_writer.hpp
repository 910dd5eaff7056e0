// Brings a log's lines to a descriptor, and never makes their authors wait for who reads it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/descriptor.hpp"

namespace dojo::base {

/// Lines that cannot be written at once wait in a queue, which a thread of this object empties.
/// When the queue is full, or there is no memory for a line, it is dropped; where lines are
/// missing, one says how many. Any thread.
class LogWriter {
 public:
  /// The line that stands where `lost` lines are missing.
  using Gap = std::function<std::string(std::uint64_t lost)>;
  static constexpr std::size_t kMost = std::size_t{1} << 20;  ///< bytes in the queue
  static constexpr std::chrono::milliseconds kLastWait{1'000};

  /// @param fd stays the caller's, and must outlive this @param most bytes that may wait
  LogWriter(int fd, Gap gap, std::size_t most = kMost);
  /// Waits for what is in the queue, kLastWait at most, and drops the rest.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// @param line with its line end
  void write(std::string_view line) noexcept;
  /// Counts a line of which there is nothing to write.
  void drop() noexcept;
  /// @return whether all that was in the queue has been written, or given up
  bool flush(std::chrono::milliseconds limit);

 private:
  /// A line that waits.
  struct Entry {
    std::string text;
    std::uint64_t dropped = 0;  ///< lines that are missing behind it
  };
  enum class Way : std::uint8_t {
    nonblocking,  ///< an open description of our own
    socket,
    blocking  ///< a regular file, or what cannot be opened again: for the thread alone
  };
  enum class Put : std::uint8_t { whole, full, failed };

  [[nodiscard]] int fd() const { return own_ ? own_.get() : fd_; }
  Put put(std::string_view& text) const;
  [[nodiscard]] bool put_all(std::string_view text) const;
  void run();
  void take_out(const Entry& entry, std::uint64_t failed);
  bool queue(std::string_view line) noexcept;
  void count_dropped() noexcept;

  const int fd_;
  const Descriptor own_;
  const Way way_;
  const Gap gap_;
  const std::size_t most_;
  std::atomic<bool> giving_up_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::deque<Entry> queue_;
  std::size_t bytes_ = 0;     // in queue_
  std::uint64_t failed_ = 0;  // lines missing before queue_, and of which none tells yet
  bool busy_ = false;         // the thread writes
  bool leaving_ = false;
  std::thread thread_;
};

/// Writes a text to a descriptor that somebody may have stopped to read.
/// @return whether all of it was taken within `limit`
bool write_within(int fd, std::string_view text, std::chrono::milliseconds limit);

}  // namespace dojo::base
