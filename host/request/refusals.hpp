// Where refusals are counted, logged and remembered, whichever stage has made them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/code.hpp>

#include "base/log.hpp"
#include "base/log_budget.hpp"
#include "policy/refusal_book.hpp"
#include "request/exchange.hpp"
#include "request/refusal.hpp"

namespace dojo::request {

/// Answers given, by code. Read from any thread.
using CodeCounts = std::array<std::atomic<std::uint64_t>, kCodeWords.size()>;

/// Any thread.
class Refusals {
 public:
  /// Both must outlive it. @param now the wall clock
  Refusals(const base::Log& log, policy::RefusalBook& book, std::function<policy::WallTime()> now)
      : log_(log), book_(book), now_(std::move(now)) {
    for (const auto word : kCodeWords) budgets_.emplace_back(log_, word);
  }

  /// Takes note of a refusal that is about to be answered.
  void note(const Exchange& exchange, const Refusal& refusal);
  /// The same of bytes that never became a request.
  void note(std::string_view request_id, const Refusal& refusal);
  /// An answer that is no refusal.
  void count(Code code) { ++counts_[static_cast<std::size_t>(code)]; }

  /// All answers.
  [[nodiscard]] const CodeCounts& counts() const { return counts_; }
  struct ByRule {
    Code code = Code::ok;
    std::string rule;  ///< what made it; empty: the code says it all
    std::uint64_t count = 0;
  };
  [[nodiscard]] std::vector<ByRule> by_rule() const;

 private:
  struct Subject;
  void note(const Subject& subject, const Refusal& refusal);

  const base::Log& log_;
  policy::RefusalBook& book_;
  const std::function<policy::WallTime()> now_;
  std::deque<base::LogBudget> budgets_;  // by code: a flood of one kind hides no other
  CodeCounts counts_{};
  mutable std::mutex mutex_;
  std::map<std::pair<Code, std::string>, std::uint64_t, std::less<>> by_rule_;
};

}  // namespace dojo::request
