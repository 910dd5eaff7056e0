// Files that are tried again by themselves.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/deploy/candidate.hpp"

namespace dojo::plugins {

/// What could not be taken up for something that the host lacks, or that another file has. Pauses
/// double while the reason stays the same, up to five minutes. Any thread.
class WaitingList {
 public:
  struct Waiting {
    Candidate candidate;
    std::string reason;
    std::chrono::system_clock::time_point since;
    std::chrono::milliseconds pause;
    std::chrono::steady_clock::time_point next;
  };

  /// @param pause the first one
  explicit WaitingList(std::chrono::milliseconds pause) : pause_(pause) {}

  /// @return whether this is new: the file did not wait yet, or did for another reason
  bool add(const Candidate& candidate, const std::string& reason);
  /// Routes have become free: those that contend for one are due now.
  void hurry_contenders();
  /// Those whose pause is over, and files that are gone are forgotten. Each begins another pause,
  /// so that it is not due again while it is under way.
  std::vector<Candidate> take_due();
  void remove(const std::filesystem::path& file);
  /// All that stand for an operator's file.
  void remove_for(const std::filesystem::path& source);
  void remove_of(std::string_view plugin);
  [[nodiscard]] std::vector<Waiting> list() const;

 private:
  const std::chrono::milliseconds pause_;
  mutable std::mutex mutex_;
  std::map<std::filesystem::path, Waiting> waiting_;  // by the file to be copied
};

}  // namespace dojo::plugins
