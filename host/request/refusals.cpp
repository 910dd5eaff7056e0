#include "request/refusals.hpp"

#include <algorithm>

#include "request/route.hpp"

namespace dojo::request {
namespace {

// Rules come and go at run time; what is counted apart is bounded all the same.
constexpr std::size_t kMostRules = 4'096;

// What a stranger has written into a line of the log, and what we say of it, is cut to this.
constexpr std::size_t kLongestHotkey = 64;
constexpr std::size_t kLongestRoute = 128;
constexpr std::size_t kLongestReason = 256;
constexpr std::size_t kAroundFields = 160;  // the rest of a line: time, level, the fields' names

/// What a text takes in a line, at most: a byte that is escaped is six (`\u001b`) in JSON.
std::size_t shown_bytes(std::string_view text) {
  constexpr std::size_t kEscape = 6;
  const auto escaped =
      std::ranges::count_if(text, [](unsigned char c) { return c < 0x20 || c > 0x7e; });
  return text.size() + (kEscape - 1) * static_cast<std::size_t>(escaped);
}

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
  const auto hotkey = subject.hotkey_text.substr(0, kLongestHotkey);
  const auto route = subject.route.substr(0, kLongestRoute);
  const auto said = reason.substr(0, kLongestReason);
  std::size_t bytes = kAroundFields;
  for (const std::string_view text :
       {subject.request_id, subject.peer, hotkey, route, std::string_view(refusal.rule), said}) {
    bytes += shown_bytes(text);
  }
  // The counts have them all.
  if (!budgets_[static_cast<std::size_t>(refusal.code)].take(bytes)) return;
  log_.info("refused", {{"request", subject.request_id},
                        {"peer", subject.peer},
                        {"hotkey", hotkey},
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
