// How much a caller may ask for.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <dojo/wire/ss58.hpp>

#include "base/address.hpp"
#include "base/snapshot.hpp"
#include "policy/gcra.hpp"
#include "policy/ledger.hpp"

namespace dojo::policy {

struct QuotaOptions {
  Rate hotkey_requests;
  Rate hotkey_bytes;  ///< of bodies as they are sent
  Rate ip_requests;   ///< per IPv4 address or IPv6 /64, as all of the IPs' are
  Rate ip_bytes;
  std::uint32_t concurrent =
      0;                  ///< requests of one hotkey between admission and answer; 0: no limit
  bool by_stake = false;  ///< a hotkey's rates times its weight
  /// Wrong signatures from an IP. Beyond it, its connections are closed as soon as they are
  /// accepted.
  Rate failed{1, 100};
  std::size_t entries = 65'536;  ///< hotkeys, and again IPs, of which account is kept
  /// What comes from these is of callers whose addresses are not known: no limit per IP holds,
  /// since one of them could use it up for all.
  std::vector<base::Network> proxies{};
};

/// A hotkey's weight: its stake over the mean of the validators', 0.1 to 10. 1 if there is no mean,
/// or the stake is no number.
double weight_of(double stake, double mean);

/// Why a request is over a quota.
struct Over {
  std::string_view quota;  ///< "requests of this hotkey", "bytes of this address" …
  std::chrono::milliseconds retry_after{0};  ///< at the earliest
};

/// A Ledger of hotkeys, and one of IPs. Any thread.
class Quotas {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Quotas(const QuotaOptions& options)
      : limits_(std::make_shared<const Limits>(options)),
        hotkeys_(options.entries),
        ips_(options.entries) {}
  Quotas(const Quotas&) = delete;
  Quotas& operator=(const Quotas&) = delete;

  /// Other limits from now on. Accounts stay.
  void apply(const QuotaOptions& options);

  /// Charges an IP a request, before anything of it is believed.
  std::optional<Over> charge_ip(const base::IpAddress& ip, Clock::time_point now = Clock::now());
  /// Whether a hotkey could ask now, by its rates and by what it has open; charges nothing, so that
  /// nobody can spend another's quota by using its name.
  /// @param weight 1 for an average validator; counts if by_stake
  [[nodiscard]] std::optional<Over> look_at(const wire::PublicKey& hotkey, double weight,
                                            Clock::time_point now = Clock::now());

  /// A request's place among those of its hotkey; given back when it goes. Move-only. Must not
  /// outlive the Quotas.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : quotas_(std::exchange(other.quotas_, nullptr)), hotkey_(other.hotkey_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(quotas_, other.quotas_);
      std::swap(hotkey_, other.hotkey_);
      return *this;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      if (quotas_ != nullptr) quotas_->leave(hotkey_);
    }

   private:
    friend class Quotas;
    Place(Quotas& quotas, const wire::PublicKey& hotkey) : quotas_(&quotas), hotkey_(hotkey) {}
    Quotas* quotas_ = nullptr;
    wire::PublicKey hotkey_{};
  };
  /// Charges a hotkey that is proven a request. `place` is set if it may go on.
  std::optional<Over> charge_hotkey(const wire::PublicKey& hotkey, double weight, Place& place,
                                    Clock::time_point now = Clock::now());
  /// Charges a body's bytes to both, or to none. A body of more bytes than a burst may come once
  /// the account is settled; what follows has to wait all the longer.
  std::optional<Over> charge_bytes(const wire::PublicKey& hotkey, double weight,
                                   const base::IpAddress& ip, std::size_t bytes,
                                   Clock::time_point now = Clock::now());

  /// A signature that came from this IP was wrong. The burst's last one shuts it out until
  /// there is room for another, and what comes after for 10 s at most.
  void count_failure(const base::IpAddress& ip, Clock::time_point now = Clock::now());
  /// How long an IP is shut out for its failures, if it is. No lock if no IP is.
  [[nodiscard]] std::optional<Over> shut_out(const base::IpAddress& ip,
                                             Clock::time_point now = Clock::now());

  struct Sizes {
    std::size_t hotkeys = 0;  ///< `entries` at most, and those with open requests
    std::size_t ips = 0;
    std::uint64_t forgotten = 0;  ///< accounts that had to go before they were settled
  };
  [[nodiscard]] Sizes sizes() const;

 private:
  /// What the options come to, in a form that is quick to reckon with.
  struct Limits {
    Pace hotkey_requests;
    Pace hotkey_bytes;
    Pace ip_requests;
    Pace ip_bytes;
    Pace failed;
    std::uint32_t concurrent = 0;
    bool by_stake = false;
    std::vector<base::Network> proxies;
    explicit Limits(const QuotaOptions& options);
    /// None for a proxy.
    [[nodiscard]] Pace of_ip(const Pace& pace, const base::IpAddress& ip) const {
      return pace && base::holds(proxies, ip) ? Pace() : pace;
    }
    [[nodiscard]] Pace of_hotkey(const Pace& pace, double weight) const {
      return by_stake ? pace.times(weight) : pace;
    }
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

  void leave(const wire::PublicKey& hotkey) noexcept;

  base::Snapshot<Limits> limits_;
  Ledger<wire::PublicKey, OfHotkey> hotkeys_;
  Ledger<base::IpAddress::Bytes, OfIp> ips_;
  std::atomic<Nanoseconds> nobody_shut_{0};  // from then on no IP is shut out
};

}  // namespace dojo::policy
