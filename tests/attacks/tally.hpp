// What became of many requests, and its JSON.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include "swarm.hpp"

namespace dojo::attacks {

/// Seconds of processor time this process has used.
inline double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct Tally {
  std::uint64_t sent = 0;
  std::map<std::string, std::uint64_t> codes{};      ///< answers by x-dojo-code
  std::map<int, std::uint64_t> statuses{};           ///< and by HTTP status
  std::array<std::uint64_t, kLosses> lost{};         ///< requests that got no answer
  std::array<std::uint64_t, kLosses> connections{};  ///< connections that ended with nothing asked

  void answer(const Answer& answer) {
    ++codes[answer.code];
    ++statuses[answer.status];
  }
  void gone(Loss how, bool owed) { ++(owed ? lost : connections)[static_cast<std::size_t>(how)]; }

  /// Members of a JSON object, without its braces.
  [[nodiscard]] std::string json() const {
    std::string by_status;
    for (const auto& [status, count] : statuses)
      by_status += fmt::format(R"("{}":{},)", status, count);
    std::string by_code;
    for (const auto& [code, count] : codes) by_code += fmt::format(R"("{}":{},)", code, count);
    if (!by_status.empty()) by_status.pop_back();
    if (!by_code.empty()) by_code.pop_back();
    return fmt::format(
        R"("sent":{},"codes":{{{}}},"statuses":{{{}}},"lost":{{{}}},"connections_ended":{{{}}},"cpu_s":{:.3f})",
        sent, by_code, by_status, losses(lost), losses(connections), cpu_seconds());
  }

 private:
  static std::string losses(const std::array<std::uint64_t, kLosses>& counts) {
    std::string text;
    for (std::size_t i = 0; i < kLosses; ++i) {
      text += fmt::format(R"({}"{}":{})", i == 0 ? "" : ",", to_string(static_cast<Loss>(i)),
                          counts[i]);
    }
    return text;
  }
};

/// The latency that a share of the requests did not exceed; 0 if there are none. Sorts.
inline std::int64_t quantile(std::vector<std::int64_t>& latencies, double share) {
  if (latencies.empty()) return 0;
  std::sort(latencies.begin(), latencies.end());
  const auto place = static_cast<std::size_t>(share * static_cast<double>(latencies.size()));
  return latencies[std::min(place, latencies.size() - 1)];
}

}  // namespace dojo::attacks
