#include "policy/quotas.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "wire/key_hash.hpp"

namespace dojo::policy {
namespace {

// Times are in ns of the steady clock. None of ours is further ahead than this: ten years.
constexpr double kFar = 315'360'000e9;
// How long an IP is shut out beyond the time that one failure costs, however many it has made.
constexpr double kMostShut = 10e9;
// When to try again if all of a hotkey's places are taken: nobody knows when one ends.
constexpr std::chrono::milliseconds kPlaceEnds{1'000};
// How many of those not seen for longest are looked through for one whose account is settled.
constexpr int kLooked = 8;

constexpr std::string_view kHotkeyRequests = "requests of this hotkey";
constexpr std::string_view kHotkeyBytes = "bytes of this hotkey";
constexpr std::string_view kHotkeyOpen = "open requests of this hotkey";
constexpr std::string_view kIpRequests = "requests of this address";
constexpr std::string_view kIpBytes = "bytes of this address";
constexpr std::string_view kIpFailures = "failures of this address";

using Nanoseconds = std::int64_t;

Nanoseconds in_ns(Quotas::Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

/// A rate as the algorithm wants it (ITU-T I.371: increment T, limit tau).
struct Pace {
  double each = 0;   // ns a unit; 0: no limit
  double burst = 0;  // units

  Pace() = default;
  explicit Pace(const Rate& rate) : burst(rate.burst) {
    if (rate.per_s > 0) each = std::min(1e9 / rate.per_s, kFar);
  }
  [[nodiscard]] explicit operator bool() const { return each > 0; }
  [[nodiscard]] Pace times(double weight) const {
    Pace scaled = *this;
    if (weight > 0) scaled.each /= weight;
    return scaled;
  }
  // Rounded down, so that a burst of n units one by one is within a burst of n.
  [[nodiscard]] Nanoseconds cost(double units) const {
    return static_cast<Nanoseconds>(std::min(each * units, kFar));
  }
  [[nodiscard]] Nanoseconds limit() const { return cost(burst); }
};

/// An account: when all that was asked for would have been due, had it come evenly (the algorithm's
/// theoretical arrival time). 0 or past: nothing is owed.
struct Account {
  Nanoseconds due = 0;

  /// ns until `units` may be charged; 0: now. More than a burst may be, once nothing is owed.
  [[nodiscard]] Nanoseconds wait(const Pace& pace, double units, Nanoseconds now) const {
    const auto room = std::max<Nanoseconds>(pace.limit() - pace.cost(units), 0);
    return std::max<Nanoseconds>(due - room - now, 0);
  }
  void charge(const Pace& pace, double units, Nanoseconds now) {
    due = std::max(due, now) + pace.cost(units);
  }
};

Over over(std::string_view quota, Nanoseconds wait) {
  return {quota, std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(wait))};
}

/// What is kept of a caller, by key, for so many callers at most. Sharded.
template <class Key, class Accounts>
class Ledger {
  struct Entry;
  using Order = std::list<Entry*>;  // seen last first; those with open places are in none

 public:
  explicit Ledger(std::size_t entries)
      : shards_(std::clamp<std::size_t>(std::bit_floor(entries / 512), 1, kShards)) {
    resize(entries);
  }

  void resize(std::size_t entries) {
    for (auto& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      shard.capacity = std::max<std::size_t>(1, entries / shards_.size());
    }
  }

 private:
  struct Hashed {
    Key key;
    std::size_t hash;
    bool operator==(const Hashed& other) const { return key == other.key; }
  };
  struct ByHash {
    std::size_t operator()(const Hashed& hashed) const noexcept { return hashed.hash; }
  };
  struct Entry {
    Accounts accounts;
    const Hashed* key = nullptr;  // its own in the table
    typename Order::iterator at;  // in order, or in held
    bool held = false;
  };
  struct alignas(64) Shard {  // a cache line's own
    mutable std::mutex mutex;
    std::unordered_map<Hashed, Entry, ByHash> entries;
    Order order;
    Order held;
    std::size_t capacity = 1;
    std::uint64_t forgotten = 0;
  };

 public:
  /// A caller's accounts, or nobody's, as long as it lives.
  class Open {
   public:
    [[nodiscard]] Accounts* operator->() const { return &entry_->accounts; }
    [[nodiscard]] explicit operator bool() const { return entry_ != nullptr; }
    /// Says whether they must not be forgotten for lack of room.
    void hold(bool held) const {
      if (std::exchange(entry_->held, held) == held) return;
      auto& from = held ? shard_->order : shard_->held;
      auto& to = held ? shard_->held : shard_->order;
      to.splice(to.begin(), from, entry_->at);
    }

   private:
    friend class Ledger;
    std::unique_lock<std::mutex> lock_;
    Shard* shard_ = nullptr;
    Entry* entry_ = nullptr;
  };

  Open find(const Key& key) {
    const Hashed hashed{key, wire::KeyHash()(key)};
    Open open;
    open.shard_ = &shard(hashed.hash);
    open.lock_ = std::unique_lock(open.shard_->mutex);
    const auto found = open.shard_->entries.find(hashed);
    if (found != open.shard_->entries.end()) open.entry_ = &found->second;
    return open;
  }

  /// Seen now, and made if it is not there.
  Open open(const Key& key, Nanoseconds now) {
    const Hashed hashed{key, wire::KeyHash()(key)};
    Open open;
    auto& its = shard(hashed.hash);
    open.shard_ = &its;
    open.lock_ = std::unique_lock(its.mutex);
    const auto [found, is_new] = its.entries.try_emplace(hashed);
    open.entry_ = &found->second;
    if (!is_new) {
      if (!open.entry_->held) its.order.splice(its.order.begin(), its.order, open.entry_->at);
      return open;
    }
    open.entry_->key = &found->first;
    while (its.entries.size() > its.capacity && !its.order.empty()) forget_one(its, now);
    its.order.push_front(open.entry_);
    open.entry_->at = its.order.begin();
    return open;
  }

  [[nodiscard]] std::size_t size() const {
    return sum([](const Shard& shard) { return shard.entries.size(); });
  }
  [[nodiscard]] std::uint64_t forgotten() const {
    return sum([](const Shard& shard) { return shard.forgotten; });
  }

 private:
  static constexpr std::size_t kShards = 64;

  // The table takes the other end of the hash.
  Shard& shard(std::size_t hash) { return shards_[(hash >> 56) & (shards_.size() - 1)]; }

  static void forget_one(Shard& shard, Nanoseconds now) {
    auto victim = std::prev(shard.order.end());
    auto looked = victim;
    for (int i = 0; i < kLooked; ++i) {
      if ((*looked)->accounts.settled(now)) {
        victim = looked;
        break;
      }
      if (looked == shard.order.begin()) break;
      --looked;
    }
    if (!(*victim)->accounts.settled(now)) ++shard.forgotten;
    const auto& key = *(*victim)->key;
    shard.order.erase(victim);
    shard.entries.erase(shard.entries.find(key));
  }

  template <class Of>
  [[nodiscard]] std::uint64_t sum(Of of) const {
    std::uint64_t total = 0;
    for (const auto& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      total += of(shard);
    }
    return total;
  }

  std::vector<Shard> shards_;
};

struct OfHotkey {
  Account requests;
  Account bytes;
  std::uint32_t open = 0;
  [[nodiscard]] bool settled(Nanoseconds now) const {
    return requests.due <= now && bytes.due <= now;
  }
};

struct OfIp {
  Account requests;
  Account bytes;
  Account failures;
  [[nodiscard]] bool settled(Nanoseconds now) const {
    return requests.due <= now && bytes.due <= now && failures.due <= now;
  }
};

}  // namespace

double weight_of(double stake, double mean) {
  if (!(mean > 0) || !(stake >= 0)) return 1;
  return std::clamp(stake / mean, 0.1, 10.0);
}

class Quotas::Impl {
 public:
  explicit Impl(const QuotaOptions& options) : hotkeys(options.entries), ips(options.entries) {
    take(options);
  }

  /// What the options come to, in a form that is quick to reckon with.
  struct Limits {
    Pace hotkey_requests;
    Pace hotkey_bytes;
    Pace ip_requests;
    Pace ip_bytes;
    Pace failed;
    std::uint32_t concurrent = 0;
    bool by_stake = false;
    [[nodiscard]] Pace of_hotkey(const Pace& pace, double weight) const {
      return by_stake ? pace.times(weight) : pace;
    }
  };

  void take(const QuotaOptions& options) {
    auto limits = std::make_unique<Limits>();
    limits->hotkey_requests = Pace(options.hotkey_requests);
    limits->hotkey_bytes = Pace(options.hotkey_bytes);
    limits->ip_requests = Pace(options.ip_requests);
    limits->ip_bytes = Pace(options.ip_bytes);
    limits->failed = Pace(options.failed);
    limits->concurrent = options.concurrent;
    limits->by_stake = options.by_stake;
    const std::lock_guard lock(mutex_);
    current_ = limits.get();
    all_.push_back(std::move(limits));  // see limits()
    hotkeys.resize(options.entries);
    ips.resize(options.entries);
    if (!current_.load()->failed) nobody_shut = 0;
  }

  /// Read by every request, and changed by hand a few times a year: so the old ones, some hundred
  /// bytes each, are kept for whoever may still be reading them, and reading costs nothing.
  [[nodiscard]] const Limits& limits() const { return *current_; }

  Ledger<wire::PublicKey, OfHotkey> hotkeys;
  Ledger<base::IpAddress::Bytes, OfIp> ips;
  std::atomic<Nanoseconds> nobody_shut{0};  // from then on no IP is shut out

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<const Limits>> all_;
  std::atomic<const Limits*> current_{nullptr};
};

Quotas::Quotas(const QuotaOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Quotas::~Quotas() = default;

void Quotas::apply(const QuotaOptions& options) {
  impl_->take(options);
}

std::optional<Over> Quotas::charge_ip(const base::IpAddress& ip, Clock::time_point now) {
  const auto& pace = impl_->limits().ip_requests;
  if (!pace) return std::nullopt;
  const auto ns = in_ns(now);
  const auto account = impl_->ips.open(ip.owner(), ns);
  if (const auto wait = account->requests.wait(pace, 1, ns)) return over(kIpRequests, wait);
  account->requests.charge(pace, 1, ns);
  return std::nullopt;
}

std::optional<Over> Quotas::look_at(const wire::PublicKey& hotkey, double weight,
                                    Clock::time_point now) {
  const auto& limits = impl_->limits();
  if (!limits.hotkey_requests && !limits.hotkey_bytes && limits.concurrent == 0)
    return std::nullopt;
  const auto account = impl_->hotkeys.find(hotkey);
  if (!account) return std::nullopt;
  const auto ns = in_ns(now);
  if (limits.concurrent != 0 && account->open >= limits.concurrent)
    return Over{kHotkeyOpen, kPlaceEnds};
  if (limits.hotkey_requests) {
    const auto pace = limits.of_hotkey(limits.hotkey_requests, weight);
    if (const auto wait = account->requests.wait(pace, 1, ns)) return over(kHotkeyRequests, wait);
  }
  if (limits.hotkey_bytes) {  // as if the body were empty: whether there is room at all
    const auto pace = limits.of_hotkey(limits.hotkey_bytes, weight);
    if (const auto wait = account->bytes.wait(pace, 0, ns)) return over(kHotkeyBytes, wait);
  }
  return std::nullopt;
}

std::optional<Over> Quotas::charge_hotkey(const wire::PublicKey& hotkey, double weight,
                                          Place& place, Clock::time_point now) {
  place =
      Place();  // one at hand is given back before another is asked for, and without a lock held
  const auto& limits = impl_->limits();
  if (!limits.hotkey_requests && limits.concurrent == 0) return std::nullopt;
  const auto ns = in_ns(now);
  const auto account = impl_->hotkeys.open(hotkey, ns);
  if (limits.concurrent != 0 && account->open >= limits.concurrent)
    return Over{kHotkeyOpen, kPlaceEnds};
  if (limits.hotkey_requests) {
    const auto pace = limits.of_hotkey(limits.hotkey_requests, weight);
    if (const auto wait = account->requests.wait(pace, 1, ns)) return over(kHotkeyRequests, wait);
    account->requests.charge(pace, 1, ns);
  }
  if (limits.concurrent != 0) {
    ++account->open;
    account.hold(true);
    place = Place(*this, hotkey);
  }
  return std::nullopt;
}

std::optional<Over> Quotas::charge_bytes(const wire::PublicKey& hotkey, double weight,
                                         const base::IpAddress& ip, std::size_t bytes,
                                         Clock::time_point now) {
  const auto& limits = impl_->limits();
  const auto& of_ip = limits.ip_bytes;
  const auto of_hotkey = limits.of_hotkey(limits.hotkey_bytes, weight);
  const auto units = static_cast<double>(bytes);
  const auto ns = in_ns(now);
  // Both or none; always in this order, so that no two threads wait for each other.
  decltype(impl_->hotkeys)::Open hotkeys;
  decltype(impl_->ips)::Open ips;
  if (of_hotkey) hotkeys = impl_->hotkeys.open(hotkey, ns);
  if (of_ip) ips = impl_->ips.open(ip.owner(), ns);
  if (hotkeys) {
    if (const auto wait = hotkeys->bytes.wait(of_hotkey, units, ns))
      return over(kHotkeyBytes, wait);
  }
  if (ips) {
    if (const auto wait = ips->bytes.wait(of_ip, units, ns)) return over(kIpBytes, wait);
    ips->bytes.charge(of_ip, units, ns);
  }
  if (hotkeys) hotkeys->bytes.charge(of_hotkey, units, ns);
  return std::nullopt;
}

void Quotas::count_failure(const base::IpAddress& ip, Clock::time_point now) {
  const auto& pace = impl_->limits().failed;
  if (!pace) return;
  const auto ns = in_ns(now);
  Nanoseconds shut = 0;
  {
    const auto account = impl_->ips.open(ip.owner(), ns);
    auto& failures = account->failures;
    failures.charge(pace, 1, ns);
    const auto most = std::max(pace.cost(1), static_cast<Nanoseconds>(kMostShut));
    const auto room = std::max<Nanoseconds>(pace.limit() - pace.cost(1), 0);
    failures.due = std::min(failures.due, ns + room + most);
    shut = failures.wait(pace, 1, ns);
  }
  if (shut == 0) return;
  auto until = impl_->nobody_shut.load();
  while (until < ns + shut && !impl_->nobody_shut.compare_exchange_weak(until, ns + shut)) {
  }
}

std::optional<Over> Quotas::shut_out(const base::IpAddress& ip, Clock::time_point now) {
  const auto ns = in_ns(now);
  if (ns >= impl_->nobody_shut) return std::nullopt;
  const auto& pace = impl_->limits().failed;
  if (!pace) return std::nullopt;
  const auto account = impl_->ips.find(ip.owner());
  if (!account) return std::nullopt;
  const auto wait = account->failures.wait(pace, 1, ns);
  return wait == 0 ? std::nullopt : std::optional(over(kIpFailures, wait));
}

Quotas::Sizes Quotas::sizes() const {
  return {impl_->hotkeys.size(), impl_->ips.size(),
          impl_->hotkeys.forgotten() + impl_->ips.forgotten()};
}

void Quotas::leave(const wire::PublicKey& hotkey) noexcept {
  const auto account = impl_->hotkeys.find(hotkey);
  if (!account || account->open == 0) return;
  --account->open;
  if (account->open == 0) account.hold(false);
}

}  // namespace dojo::policy
