#include "pipeline/refusals.hpp"

namespace dojo::pipeline {
namespace {

// Rules come and go at run time; what is counted apart is bounded all the same.
constexpr std::size_t kMostRules = 4'096;

}  // namespace

void Refusals::note(const Subject& subject, const Refusal& refusal) {
  count(refusal.code);
  {
    const std::lock_guard lock(mutex_);
    const auto found = by_rule_.find(std::pair(refusal.code, refusal.rule));
    if (found != by_rule_.end()) {
      ++found->second;
    } else if (by_rule_.size() < kMostRules) {
      by_rule_.emplace(std::pair(refusal.code, refusal.rule), 1);
    }
  }
  const std::string_view reason = refusal.reason.empty() ? refusal.told : refusal.reason;
  book_.note({.hotkey = subject.hotkey ? &*subject.hotkey : nullptr,
              .ip = subject.ip ? &*subject.ip : nullptr,
              .known = subject.known,
              .code = refusal.code,
              .rule = refusal.rule,
              .reason = reason,
              .route = subject.route},
             now_());
  if (!budget_.take()) return;  // the counts have them all
  log_.info("refused", {{"request", subject.request_id},
                        {"peer", subject.peer},
                        {"hotkey", subject.hotkey_text.substr(0, 64)},
                        {"route", subject.route},
                        {"code", to_string(refusal.code)},
                        {"rule", refusal.rule},
                        {"reason", reason}});
}

std::vector<Refusals::ByRule> Refusals::by_rule() const {
  const std::lock_guard lock(mutex_);
  std::vector<ByRule> all;
  all.reserve(by_rule_.size());
  for (const auto& [key, count] : by_rule_) all.push_back({key.first, key.second, count});
  return all;
}

}  // namespace dojo::pipeline
