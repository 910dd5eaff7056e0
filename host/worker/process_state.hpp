// What a process has once alone: the trial of a plugin looks whether it leaves that as it was.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace dojo::worker {

/// The locale, the umask, the working folder, environment variables, signal handlers, limits,
/// timers, standard input and output, the handlers of the C++ runtime; and of the calling thread,
/// since those that it starts inherit it, the floating point mode.
class ProcessState {
 public:
  /// Any thread.
  static ProcessState now();
  /// In words, such as "the umask (0022, then 0000)"; empty: all is as it was.
  [[nodiscard]] std::vector<std::string> changes_since(const ProcessState& before) const;

 private:
  struct Value {
    std::string value;
    std::string shown;  // empty: nobody's business
  };
  void add(std::string what, std::string value, bool shown = false);
  void add_environment();
  void add_signals();
  void add_limits();
  void add_descriptors();
  void add_memory();

  std::map<std::string, Value> values_;
};

}  // namespace dojo::worker
