// The control socket, <state>/control: how the host's owner asks it things while it runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <dojo/result.hpp>

#include "base/descriptor.hpp"

namespace dojo::control {

/// @return JSON, or why it was not done, for a person. May take its time, and be called from
/// several of the socket's threads at once.
using Command = std::function<Result<std::string>(const std::vector<std::string>& arguments)>;
using Commands = std::map<std::string, Command, std::less<>>;

struct ControlLimits {
  std::chrono::milliseconds read{5'000};   ///< for the whole request
  std::chrono::milliseconds write{5'000};  ///< for the whole answer
  std::size_t longest_request = 64 << 10;  ///< bytes
  unsigned threads = 4;                    ///< connections at once; more wait
};

/// Serves commands to this user and to root, and to nobody else: the socket is mode 0600 from its
/// beginning, in a folder of mode 0700, and the kernel is asked who calls. Has threads of its own.
class Control {
 public:
  /// Takes the place of a dead host's socket. @return an error if a living host has this state
  /// folder, or if others can get into it
  static Result<std::unique_ptr<Control>> open(const std::filesystem::path& state,
                                               Commands commands, ControlLimits limits = {});
  /// Removes the socket, so that nobody else finds it. For a process that cannot wait.
  void hide() const;
  /// Removes the socket. Waits for commands that are being run, for nothing else.
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

 private:
  Control(base::Descriptor folder, base::Descriptor lock, base::Descriptor socket,
          base::Descriptor stop, Commands commands, ControlLimits limits);
  void serve();
  [[nodiscard]] base::Descriptor accept_one() const;
  void answer(int connection) const;
  [[nodiscard]] std::string answer_to(std::string_view line) const;
  Result<std::string> read_line(int connection) const;
  void write_all(int connection, std::string_view text) const;
  [[nodiscard]] bool wait_for(int fd, short events,
                              std::chrono::steady_clock::time_point until) const;

  const base::Descriptor folder_;
  const base::Descriptor lock_;  // held as long as this host lives
  const base::Descriptor socket_;
  const base::Descriptor stop_;  // readable once this ends
  const Commands commands_;
  const ControlLimits limits_;
  std::vector<std::thread> threads_;
};

}  // namespace dojo::control
