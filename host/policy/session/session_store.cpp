#include "policy/session/session_store.hpp"

#include <algorithm>
#include <utility>

namespace dojo::policy {

Session::Session(const wire::SessionTerms& terms, const wire::SessionKey& key)
    : id_(terms.id),
      hotkey_(terms.client),
      address_(wire::encode_ss58(terms.client)),
      key_(key),
      expires_(terms.expires) {}

bool Session::take(std::uint64_t number, WallTime now) {
  const std::lock_guard lock(mutex_);
  if (!window_.take(number)) return false;
  last_used_ms_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  return true;
}

SessionStore::SessionStore(const SessionOptions& options, std::function<WallTime()> now)
    : now_(std::move(now)), offered_(options.offered), options_(options) {}

void SessionStore::apply(const SessionOptions& options) {
  const std::lock_guard lock(mutex_);
  const bool too_many = options.per_hotkey < options_.per_hotkey || options.total < options_.total;
  options_ = options;
  offered_ = options.offered;
  if (options.offered && !too_many) return;
  while (!order_.empty()) drop(order_.begin());
}

WallTime SessionStore::end_of_new() const {
  const std::lock_guard lock(mutex_);
  return now_() + options_.lifetime;
}

bool SessionStore::insert(SessionPtr session) {
  const std::lock_guard lock(mutex_);
  if (!options_.offered) return false;
  drop_what_is_over();
  make_room_for(session->hotkey());
  const auto place = order_.insert(order_.end(), session);
  by_hotkey_[session->hotkey()].push_back(place);
  auto& its_part = part(session->id());
  const std::lock_guard its_lock(its_part.mutex);
  its_part.sessions.insert_or_assign(session->id(), std::move(session));
  ++opened_;
  return true;
}

SessionPtr SessionStore::find(const wire::SessionId& id) const {
  const auto& its_part = part(id);
  const std::lock_guard lock(its_part.mutex);
  const auto found = its_part.sessions.find(id);
  return found == its_part.sessions.end() ? nullptr : found->second;
}

SessionStore::Sizes SessionStore::sizes() {
  const std::lock_guard lock(mutex_);
  drop_what_is_over();
  return {order_.size(), opened_, evicted_};
}

void SessionStore::drop(Order::iterator session) {
  const auto& hotkey = (*session)->hotkey();
  const auto holding = by_hotkey_.find(hotkey);
  std::erase(holding->second, session);
  if (holding->second.empty()) by_hotkey_.erase(holding);
  {
    auto& its_part = part((*session)->id());
    const std::lock_guard lock(its_part.mutex);
    its_part.sessions.erase((*session)->id());
  }
  order_.erase(session);
}

/// All live equally long, unless a new config has changed that: then some go a little late.
void SessionStore::drop_what_is_over() {
  const auto now = now_();
  while (!order_.empty() && order_.front()->expires() <= now) drop(order_.begin());
}

SessionStore::Order::iterator SessionStore::least_used(const Holding& holding) {
  return *std::ranges::min_element(holding, {}, [](auto place) { return (*place)->last_used(); });
}

void SessionStore::evict(Order::iterator session) {
  drop(session);
  ++evicted_;
}

void SessionStore::make_room_for(const wire::PublicKey& hotkey) {
  const auto own = by_hotkey_.find(hotkey);
  if (own != by_hotkey_.end() && own->second.size() >= options_.per_hotkey) {
    evict(least_used(own->second));
  }
  if (order_.size() < options_.total) return;
  const auto before = [](const auto& a, const auto& b) {
    if (a.second.size() != b.second.size()) return a.second.size() < b.second.size();
    return (*least_used(a.second))->last_used() > (*least_used(b.second))->last_used();
  };
  evict(least_used(std::ranges::max_element(by_hotkey_, before)->second));
}

}  // namespace dojo::policy
