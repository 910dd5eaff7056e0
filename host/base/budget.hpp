// What many callers share, so that none of them can take it all.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include "base/address.hpp"

namespace dojo::base {

/// What there are budgets of.
enum class Resource : std::uint8_t {
  connections,
  request_bytes,
  response_bytes,
  plain_bytes,  ///< of bodies after decompression
  slots,        ///< requests between admission and answer
};
inline constexpr std::size_t kResources = 5;

/// Who holds something: a hotkey, or an address that no hotkey has been proven behind.
struct Holder {
  std::array<std::uint8_t, 32> id{};
  /// Holders that are not registered leave a part of each budget to those who are.
  bool registered = false;

  static Holder of(const IpAddress& address);
  bool operator==(const Holder&) const = default;
};

class Account;
class Accounts;
void intrusive_ptr_add_ref(Account* account) noexcept;
void intrusive_ptr_release(Account* account) noexcept;
using AccountPtr = boost::intrusive_ptr<Account>;

/// What one holder holds. Any thread.
class Account {
 public:
  Account(Accounts& all, const Holder& holder) : all_(all), holder_(holder) {}
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;

  [[nodiscard]] const Holder& holder() const { return holder_; }
  /// Another holder's, beside it.
  [[nodiscard]] AccountPtr open(const Holder& other) const;
  [[nodiscard]] std::uint64_t held(Resource what) const {
    return held_[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
  }
  /// How much it may hold for what is free: 1 as much again; kept to 0.1 to 4.
  void set_weight(double weight) {
    weight_.store(weight >= 0.1 ? std::min(weight, 4.0) : 0.1, std::memory_order_relaxed);
  }
  /// Whether it has been asked a moment ago to give back some of a resource, and `amount` would be
  /// of that.
  [[nodiscard]] bool gives_way(Resource what, std::uint64_t amount);

 private:
  friend class Accounts;
  friend class Budget;
  friend void intrusive_ptr_add_ref(Account* account) noexcept;
  friend void intrusive_ptr_release(Account* account) noexcept;

  Accounts& all_;
  const Holder holder_;
  std::atomic<std::uint32_t> references_{0};
  std::atomic<double> weight_{1};
  std::array<std::atomic<std::uint64_t>, kResources> held_{};
  std::array<std::atomic<std::int64_t>, kResources> asked_for_{};
  std::array<std::atomic<std::int64_t>, kResources> asked_until_{};  // ns of the steady clock
};

/// The accounts of all who hold something now, or are about to. Any thread; must outlive them.
class Accounts {
 public:
  /// The holder's one account, which lives as long as somebody has it.
  AccountPtr open(const Holder& holder);
  [[nodiscard]] std::size_t size() const;
  /// Asks whoever holds most of a resource, for its weight, to give back half of it, if that one
  /// holds more than twice `least`. Who can take it back looks at Account::gives_way() once asks()
  /// has changed. O(accounts). @param registered among all; else among those who are not registered
  void ask_most(Resource what, std::uint64_t least, bool registered);
  [[nodiscard]] std::uint64_t asks() const { return asks_.load(std::memory_order_relaxed); }

 private:
  friend void intrusive_ptr_release(Account* account) noexcept;
  struct Hash {
    std::size_t operator()(const Holder& holder) const noexcept;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<Holder, std::unique_ptr<Account>, Hash> accounts;
  };
  static constexpr std::size_t kShards = 16;
  Shard& shard_of(const Holder& holder) { return shards_[Hash()(holder) % kShards]; }
  void close(Account* account) noexcept;

  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> asks_{0};
};

/// So much of a resource, for all. Whoever holds no more elsewhere than is still free, times its
/// weight, may take more (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on
/// Networking 6(2), 1998). N holders who take what they can get come to have 1/(N+1) each, and as
/// much is left for who comes next; so the one who holds most is refused first. An eighth is a
/// reserve for those who hold a 64th of all at most. Where holders can keep what they have for
/// long, the one who has most is asked to give way once somebody small needs the reserve. Those who
/// are not registered have three quarters among themselves, and the others at least one.
/// Connections are addresses', of which none is registered and each has a limit of its own too: one
/// may hold four times what is free. Any thread; several at once may pass a limit by what they take
/// together.
class Budget {
 public:
  Budget(Resource resource, std::uint64_t limit)
      : resource_(resource),
        limit_(limit),
        open_to_all_(resource == Resource::connections ? limit : limit - limit / 4),
        for_free_(resource == Resource::connections ? 4 : 1) {}

  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  [[nodiscard]] std::uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  /// How often somebody was not given more.
  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  friend class Charge;
  enum class Room { free, reserve, none };
  /// @param account null: nobody's in particular @param already what it has for the same thing,
  /// which may grow into all that is free
  [[nodiscard]] Room room_for(const Account* account, std::uint64_t more,
                              std::uint64_t already) const;
  void press(Account* account, std::uint64_t amount);
  void add(Account* account, std::uint64_t amount);

  const Resource resource_;
  const std::uint64_t limit_;
  const std::uint64_t open_to_all_;  // of the limit, for those who are not registered
  const double for_free_;            // how much a holder may have for what is free
  std::atomic<std::uint64_t> held_{0};
  std::atomic<std::uint64_t> held_by_others_{0};  // who are not registered
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::int64_t> next_press_{0};  // ns of the steady clock
};

/// What a holder has of a budget, given back when it goes. Move-only; the budget must outlive it.
/// One of no budget counts nothing.
class Charge {
 public:
  Charge() = default;
  Charge(Budget& budget, AccountPtr account) : budget_(&budget), account_(std::move(account)) {}
  Charge(Charge&& other) noexcept
      : budget_(other.budget_),
        account_(std::move(other.account_)),
        amount_(std::exchange(other.amount_, 0)) {}
  Charge& operator=(Charge&& other) noexcept;
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge() { release(); }

  [[nodiscard]] std::uint64_t amount() const { return amount_; }
  /// Whether its holder is to give it back.
  [[nodiscard]] bool gives_way() const {
    return amount_ > 0 && account_ && account_->gives_way(budget_->resource_, amount_);
  }
  /// Whether it would be given so much more now. If not, it counts as refused that.
  [[nodiscard]] bool may_grow(std::uint64_t more) const;
  /// Makes it that much. @return false if there is no room for it; nothing has changed then
  [[nodiscard]] bool resize(std::uint64_t amount);
  /// Makes it that much, room or not: it is there already.
  void set(std::uint64_t amount);
  /// Makes it somebody else's. @return false if that one has no room for it; nothing has changed
  [[nodiscard]] bool hand_to(const AccountPtr& account);
  void release() { set(0); }

 private:
  Budget* budget_ = nullptr;
  AccountPtr account_;
  std::uint64_t amount_ = 0;
};

}  // namespace dojo::base
