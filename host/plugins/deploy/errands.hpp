// What is done for files, each in a thread of its own.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "base/log.hpp"

namespace dojo::plugins {

/// One errand a file at a time; the next one for it waits, and takes the place of one that waits
/// already. All members with the mutex held, which an errand holds too, except while it waits for
/// something.
class Errands {
 public:
  /// @param work the mutex @param goes_on false: nothing more is begun. They and `log` must outlive
  /// this.
  Errands(std::mutex& work, std::function<bool()> goes_on, const base::Log& log)
      : work_(work), goes_on_(std::move(goes_on)), log_(log) {}
  /// Waits for the threads; without the mutex.
  ~Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  /// Has something done for a file: in a thread of its own, or in this one if there is none to be
  /// had.
  void send(const std::filesystem::path& file, std::function<void()> work);
  /// Forgets those that are done.
  void clear();
  /// Whether there is one for the file that is not forgotten.
  [[nodiscard]] bool has(const std::filesystem::path& file) const {
    return errands_.contains(file);
  }

 private:
  struct Errand {
    std::thread thread;
    std::function<void()> next;  // what is to be done now, or after what is being done
    bool done = false;
  };
  void run(Errand& errand);

  std::mutex& work_;
  const std::function<bool()> goes_on_;
  const base::Log& log_;
  std::map<std::filesystem::path, Errand> errands_;
};

}  // namespace dojo::plugins
