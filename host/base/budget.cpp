#include "base/budget.hpp"

#include <chrono>

#include "wire/key_hash.hpp"

namespace dojo::base {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kPress = std::chrono::milliseconds(50);   // between two who are asked
constexpr nanoseconds kAsked = std::chrono::milliseconds(500);  // how long that holds

std::int64_t now_ns() {
  return nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Holder Holder::of(const IpAddress& address) {
  Holder holder;
  const auto owner = address.owner();
  std::copy(owner.begin(), owner.end(), holder.id.begin());
  return holder;
}

// ---- accounts

void intrusive_ptr_add_ref(Account* account) noexcept {
  account->references_.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(Account* account) noexcept {
  auto references = account->references_.load(std::memory_order_relaxed);
  while (references > 1) {
    if (account->references_.compare_exchange_weak(references, references - 1,
                                                   std::memory_order_release)) {
      return;
    }
  }
  account->all_.close(account);  // the last one goes where nobody can find it meanwhile
}

std::size_t Accounts::Hash::operator()(const Holder& holder) const noexcept {
  return wire::KeyHash()(holder.id);
}

AccountPtr Accounts::open(const Holder& holder) {
  auto& shard = shard_of(holder);
  const std::lock_guard lock(shard.mutex);
  auto found = shard.accounts.find(holder);
  if (found == shard.accounts.end())
    found = shard.accounts.emplace(holder, std::make_unique<Account>(*this, holder)).first;
  return AccountPtr(found->second.get());
}

void Accounts::close(Account* account) noexcept {
  auto& shard = shard_of(account->holder_);
  std::unique_ptr<Account> gone;  // after the lock
  const std::lock_guard lock(shard.mutex);
  if (account->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const auto found = shard.accounts.find(account->holder_);
  gone = std::move(found->second);
  shard.accounts.erase(found);
}

std::size_t Accounts::size() const {
  std::size_t size = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    size += shard.accounts.size();
  }
  return size;
}

AccountPtr Account::open(const Holder& other) const {
  return all_.open(other);
}

bool Account::gives_way(Resource what, std::uint64_t amount) {
  const auto at = static_cast<std::size_t>(what);
  if (asked_until_[at].load(std::memory_order_acquire) < now_ns()) return false;
  return asked_for_[at].fetch_sub(static_cast<std::int64_t>(amount)) > 0;
}

void Accounts::ask_most(Resource what, std::uint64_t least, bool registered) {
  AccountPtr most;
  double holds = 2 * static_cast<double>(least);
  for (auto& shard : shards_) {
    AccountPtr here;
    {
      const std::lock_guard lock(shard.mutex);
      for (const auto& [holder, account] : shard.accounts) {
        if (holder.registered && !registered) continue;
        const auto each = static_cast<double>(account->held(what)) / account->weight_;
        if (each <= holds) continue;
        holds = each;
        here = AccountPtr(account.get());
      }
    }
    if (here) most = std::move(here);  // without a lock, which the end of an account needs
  }
  if (!most) return;
  const auto at = static_cast<std::size_t>(what);
  most->asked_for_[at] = static_cast<std::int64_t>(most->held(what) / 2);
  most->asked_until_[at].store(now_ns() + kAsked.count(), std::memory_order_release);
  asks_.fetch_add(1, std::memory_order_relaxed);
}

// ---- budgets

Budget::Room Budget::room_for(const Account* account, std::uint64_t more,
                              std::uint64_t already) const {
  const auto find = [&](std::uint64_t limit, std::uint64_t held) {
    if (held > limit || more > limit - held) return Room::none;
    if (account == nullptr) return Room::free;
    const auto own = account->held(resource_);
    const auto common = limit - limit / 8;
    const auto free = common - std::min(common, held);
    const auto share = static_cast<double>(free) * for_free_ * account->weight_;
    if (more <= free && static_cast<double>(own - already) <= share) return Room::free;
    return own + more <= limit / 64 ? Room::reserve : Room::none;
  };
  const auto of_all = find(limit_, held());
  if (account == nullptr || account->holder_.registered) return of_all;
  return std::max(of_all, find(open_to_all_, held_by_others_.load(std::memory_order_relaxed)));
}

/// Sees to it that who holds most gives way, where it can. @param amount that the one has who needs
/// it
void Budget::press(Account* account, std::uint64_t amount) {
  if (account == nullptr || resource_ == Resource::slots || resource_ == Resource::plain_bytes)
    return;
  const auto now = now_ns();
  auto due = next_press_.load(std::memory_order_relaxed);
  if (now < due || !next_press_.compare_exchange_strong(due, now + kPress.count())) return;
  account->all_.ask_most(resource_, amount, account->holder_.registered);
}

/// @param amount may be less than nothing, modulo 2^64
void Budget::add(Account* account, std::uint64_t amount) {
  held_.fetch_add(amount, std::memory_order_relaxed);
  if (account == nullptr) return;
  account->held_[static_cast<std::size_t>(resource_)].fetch_add(amount, std::memory_order_relaxed);
  if (!account->holder_.registered) held_by_others_.fetch_add(amount, std::memory_order_relaxed);
}

// ---- charges

Charge& Charge::operator=(Charge&& other) noexcept {
  if (this == &other) return *this;
  release();
  budget_ = other.budget_;
  account_ = std::move(other.account_);
  amount_ = std::exchange(other.amount_, 0);
  return *this;
}

bool Charge::may_grow(std::uint64_t more) const {
  if (budget_ == nullptr) return true;
  const auto room = budget_->room_for(account_.get(), more, amount_);
  if (room == Budget::Room::free) return true;
  const auto has = account_ ? account_->held(budget_->resource_) : 0;
  budget_->press(account_.get(), has + more);
  if (room == Budget::Room::reserve) return true;
  budget_->refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

bool Charge::resize(std::uint64_t amount) {
  if (amount > amount_ && !may_grow(amount - amount_)) return false;
  set(amount);
  return true;
}

void Charge::set(std::uint64_t amount) {
  if (budget_ == nullptr || amount == amount_) return;
  budget_->add(account_.get(), amount - amount_);
  amount_ = amount;
}

bool Charge::hand_to(const AccountPtr& account) {
  if (account == account_) return true;
  Charge theirs(*budget_, account);
  const auto amount = amount_;
  set(0);
  if (theirs.resize(amount)) {
    *this = std::move(theirs);
    return true;
  }
  set(amount);
  return false;
}

}  // namespace dojo::base
