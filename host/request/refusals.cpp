#include "request/refusals.hpp"

#include "request/route.hpp"

namespace dojo::request {
namespace {

// Rules come and go at run time; what is counted apart is bounded all the same.
constexpr std::size_t kMostRules = 4'096;

// What a stranger has written into a line of the log, and what we say of it, is cut to this.
constexpr std::size_t kLongestRoute = 128;
constexpr std::size_t kLongestReason = 256;
constexpr std::size_t kAroundFields = 256;  // the rest of a line, about

/// The hotkey that a head names, whatever it may be.
std::string_view claimed_hotkey(const net::Head& head) {
  for (const auto header :
       {wire::kHotkeyHeader, wire::kEpistulaSignedByHeader, wire::kBtauthHotkeyHeader}) {
    if (const auto hotkey = head.value(header); !hotkey.empty()) return hotkey;
  }
  return {};
}

}  // namespace

/// Whose request it was, as far as that is known.
struct Refusals::Subject {
  const wire::PublicKey* hotkey = nullptr;  // null: no address that can be read
  const base::IpAddress* ip = nullptr;
  bool known = false;
  std::string_view hotkey_text{};
  std::string_view peer{};
  std::string_view route{};
  std::string_view request_id{};
};

void Refusals::note(const Exchange& exchange, const Refusal& refusal) {
  const auto& caller = exchange.caller();
  const bool claimed = !caller.hotkey.empty();
  note(Subject{.hotkey = claimed ? &caller.key : nullptr,
               .ip = &exchange.address,
               .known = exchange.known,
               .hotkey_text = claimed ? caller.hotkey : claimed_hotkey(exchange.head),
               .peer = exchange.peer,
               .route = exchange.route_name(),
               .request_id = exchange.terms.request_id},
       refusal);
}

void Refusals::note(std::string_view request_id, const Refusal& refusal) {
  note(Subject{.request_id = request_id}, refusal);
}

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
  book_.note({.hotkey = subject.hotkey,
              .ip = subject.ip,
              .known = subject.known,
              .code = refusal.code,
              .rule = refusal.rule,
              .reason = reason,
              .route = subject.route},
             now_());
  const auto route = subject.route.substr(0, kLongestRoute);
  const auto said = reason.substr(0, kLongestReason);
  // The counts have them all.
  auto& budget = budgets_[static_cast<std::size_t>(refusal.code)];
  if (!budget.take(kAroundFields + route.size() + said.size())) return;
  log_.info("refused", {{"request", subject.request_id},
                        {"peer", subject.peer},
                        {"hotkey", subject.hotkey_text.substr(0, 64)},
                        {"route", route},
                        {"code", to_string(refusal.code)},
                        {"rule", refusal.rule},
                        {"reason", said}});
}

std::vector<Refusals::ByRule> Refusals::by_rule() const {
  const std::lock_guard lock(mutex_);
  std::vector<ByRule> all;
  all.reserve(by_rule_.size());
  for (const auto& [key, count] : by_rule_) all.push_back({key.first, key.second, count});
  return all;
}

}  // namespace dojo::request
