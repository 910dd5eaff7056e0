#include "plugins/deploy/waiting_list.hpp"

#include <algorithm>
#include <system_error>

namespace dojo::plugins {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLongestPause{300'000};

}  // namespace

bool WaitingList::add(const Candidate& candidate, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto known = waiting_.find(candidate.file);
  const bool again = known != waiting_.end() && known->second.reason == reason;
  const auto pause = again ? std::min(2 * known->second.pause, kLongestPause) : pause_;
  const auto since = again ? known->second.since : std::chrono::system_clock::now();
  waiting_[candidate.file] = {candidate, reason, since, pause, steady_clock::now() + pause};
  return !again;
}

void WaitingList::hurry_contenders() {
  const std::lock_guard lock(mutex_);
  for (auto& [file, waiting] : waiting_) {
    if (waiting.candidate.contends) waiting.next = steady_clock::now();
  }
}

std::vector<Candidate> WaitingList::take_due() {
  const auto now = steady_clock::now();
  std::vector<Candidate> due;
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [&](const auto& row) {
    std::error_code error;
    return now >= row.second.next && !std::filesystem::exists(row.first, error);
  });
  for (auto& [file, waiting] : waiting_) {
    if (now < waiting.next) continue;
    waiting.next = now + waiting.pause;
    due.push_back(waiting.candidate);
  }
  return due;
}

void WaitingList::remove(const std::filesystem::path& file) {
  const std::lock_guard lock(mutex_);
  waiting_.erase(file);
}

void WaitingList::remove_for(const std::filesystem::path& source) {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [&](const auto& row) { return row.second.candidate.source == source; });
}

void WaitingList::remove_of(std::string_view plugin) {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [&](const auto& row) { return row.second.candidate.plugin == plugin; });
}

std::vector<WaitingList::Waiting> WaitingList::list() const {
  std::vector<Waiting> all;
  const std::lock_guard lock(mutex_);
  all.reserve(waiting_.size());
  for (const auto& [file, waiting] : waiting_) all.push_back(waiting);
  return all;
}

}  // namespace dojo::plugins
