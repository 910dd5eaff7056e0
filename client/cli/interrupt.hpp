// Ctrl-C as a stop token.
#pragma once

#include <stop_token>
#include <thread>

namespace dojo::cli {

/// While it lives, SIGINT and SIGTERM stop `token()`; a second one ends the process with 130. Make
/// it before any other thread: those inherit that the signals are blocked.
class Interrupt {
 public:
  /// @throws std::system_error if the kernel gives no descriptor.
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch();

  int signals_ = -1;  // a signalfd
  int done_ = -1;     // an eventfd: the destructor was called
  std::stop_source stop_;
  std::thread thread_;
};

}  // namespace dojo::cli
