#include "interrupt.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "command.hpp"

namespace dojo::cli {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  done_ = eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || done_ < 0) {
    const int why = errno;
    if (signals_ >= 0) close(signals_);
    throw std::system_error(why, std::generic_category(), "signals");
  }
  thread_ = std::thread([this] { watch(); });
}

Interrupt::~Interrupt() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(done_, &one, sizeof one));
  thread_.join();
  close(signals_);
  close(done_);
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void Interrupt::watch() {
  std::array<pollfd, 2> watched{{{signals_, POLLIN, 0}, {done_, POLLIN, 0}}};
  for (;;) {
    if (poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
    if (watched[1].revents) return;
    signalfd_siginfo info{};
    if (watched[0].revents && read(signals_, &info, sizeof info) > 0 && !stop_.request_stop()) {
      std::_Exit(kCancelled);
    }
  }
}

}  // namespace dojo::cli
