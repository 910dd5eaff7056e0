#include "policy/quotas.hpp"

#include <algorithm>

namespace dojo::policy {
namespace {

// How long an IP is shut out beyond the time that one failure costs, however many it has made.
constexpr double kMostShut = 10e9;
// When to try again if all of a hotkey's places are taken: nobody knows when one ends.
constexpr std::chrono::milliseconds kPlaceEnds{1'000};

constexpr std::string_view kHotkeyRequests = "requests of this hotkey";
constexpr std::string_view kHotkeyBytes = "bytes of this hotkey";
constexpr std::string_view kHotkeyOpen = "open requests of this hotkey";
constexpr std::string_view kIpRequests = "requests of this address";
constexpr std::string_view kIpBytes = "bytes of this address";
constexpr std::string_view kIpFailures = "failures of this address";

Nanoseconds in_ns(Quotas::Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Over over(std::string_view quota, Nanoseconds wait) {
  return {quota, std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(wait))};
}

}  // namespace

double weight_of(double stake, double mean) {
  if (!(mean > 0) || !(stake >= 0)) return 1;
  return std::clamp(stake / mean, 0.1, 10.0);
}

Quotas::Limits::Limits(const QuotaOptions& options)
    : hotkey_requests(options.hotkey_requests),
      hotkey_bytes(options.hotkey_bytes),
      ip_requests(options.ip_requests),
      ip_bytes(options.ip_bytes),
      failed(options.failed),
      concurrent(options.concurrent),
      by_stake(options.by_stake),
      proxies(options.proxies) {}

void Quotas::apply(const QuotaOptions& options) {
  limits_.publish(std::make_shared<const Limits>(options));
  hotkeys_.resize(options.entries);
  ips_.resize(options.entries);
  if (!limits_.read().failed) nobody_shut_ = 0;
}

std::optional<Over> Quotas::charge_ip(const base::IpAddress& ip, Clock::time_point now) {
  const auto& limits = limits_.read();
  const auto pace = limits.of_ip(limits.ip_requests, ip);
  if (!pace) return std::nullopt;
  const auto ns = in_ns(now);
  const auto account = ips_.open(ip.owner(), ns);
  if (const auto wait = account->requests.wait(pace, 1, ns)) return over(kIpRequests, wait);
  account->requests.charge(pace, 1, ns);
  return std::nullopt;
}

std::optional<Over> Quotas::look_at(const wire::PublicKey& hotkey, double weight,
                                    Clock::time_point now) {
  const auto& limits = limits_.read();
  if (!limits.hotkey_requests && !limits.hotkey_bytes && limits.concurrent == 0)
    return std::nullopt;
  const auto account = hotkeys_.find(hotkey);
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
  const auto& limits = limits_.read();
  if (!limits.hotkey_requests && limits.concurrent == 0) return std::nullopt;
  const auto ns = in_ns(now);
  const auto account = hotkeys_.open(hotkey, ns);
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
  const auto& limits = limits_.read();
  const auto of_ip = limits.of_ip(limits.ip_bytes, ip);
  const auto of_hotkey = limits.of_hotkey(limits.hotkey_bytes, weight);
  const auto units = static_cast<double>(bytes);
  const auto ns = in_ns(now);
  // Both or none; always in this order, so that no two threads wait for each other.
  decltype(hotkeys_)::Open hotkeys;
  decltype(ips_)::Open ips;
  if (of_hotkey) hotkeys = hotkeys_.open(hotkey, ns);
  if (of_ip) ips = ips_.open(ip.owner(), ns);
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
  const auto& limits = limits_.read();
  const auto pace = limits.of_ip(limits.failed, ip);
  if (!pace) return;
  const auto ns = in_ns(now);
  Nanoseconds shut = 0;
  {
    const auto account = ips_.open(ip.owner(), ns);
    auto& failures = account->failures;
    failures.charge(pace, 1, ns);
    const auto most = std::max(pace.cost(1), static_cast<Nanoseconds>(kMostShut));
    const auto room = std::max<Nanoseconds>(pace.limit() - pace.cost(1), 0);
    failures.due = std::min(failures.due, ns + room + most);
    shut = failures.wait(pace, 1, ns);
  }
  if (shut == 0) return;
  auto until = nobody_shut_.load();
  while (until < ns + shut && !nobody_shut_.compare_exchange_weak(until, ns + shut)) {
  }
}

std::optional<Over> Quotas::shut_out(const base::IpAddress& ip, Clock::time_point now) {
  const auto ns = in_ns(now);
  if (ns >= nobody_shut_) return std::nullopt;
  const auto& limits = limits_.read();
  const auto pace = limits.of_ip(limits.failed, ip);
  if (!pace) return std::nullopt;
  const auto account = ips_.find(ip.owner());
  if (!account) return std::nullopt;
  const auto wait = account->failures.wait(pace, 1, ns);
  return wait == 0 ? std::nullopt : std::optional(over(kIpFailures, wait));
}

Quotas::Sizes Quotas::sizes() const {
  return {hotkeys_.size(), ips_.size(), hotkeys_.forgotten() + ips_.forgotten()};
}

void Quotas::leave(const wire::PublicKey& hotkey) noexcept {
  const auto account = hotkeys_.find(hotkey);
  if (!account || account->open == 0) return;
  --account->open;
  if (account->open == 0) account.hold(false);
}

}  // namespace dojo::policy
