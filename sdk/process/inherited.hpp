// What a process has from whoever started it, and that nobody meant: closed standard descriptors,
// blocked and ignored signals. For the first line of a program's main().
#pragma once

#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dojo::process {

/// Puts /dev/null in the place of standard input, output and error where they are closed: the next
/// file or socket that is opened would take their number, and be written to as if it were the log.
inline void have_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest number that is free, which is this one.
    if (open("/dev/null", O_RDWR) != fd) std::_Exit(EXIT_FAILURE);  // nobody can be told
  }
}

/// No signal is blocked; children can be waited for (an ignored SIGCHLD takes their ends away); a
/// file that may not grow is an error of write(), and not the end of the process.
inline void have_plain_signals() {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGCHLD, SIG_DFL);
  std::signal(SIGXFSZ, SIG_IGN);
}

/// What is made is never for others to write, and always for us to read.
inline void have_safe_umask() {
  const auto given = umask(S_IWGRP | S_IWOTH);
  umask((given | S_IWGRP | S_IWOTH) & (S_IRWXG | S_IRWXO));
}

/// Standard descriptors and signals.
inline void undo_inheritance() {
  have_standard_descriptors();
  have_plain_signals();
}

}  // namespace dojo::process
