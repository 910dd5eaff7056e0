// What it costs to keep account of callers, and of those who were refused.
#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "policy/quotas.hpp"
#include "policy/refusal_book.hpp"

namespace {

using namespace dojo::policy;
using dojo::base::IpAddress;
using dojo::wire::PublicKey;
using Clock = Quotas::Clock;

constexpr std::size_t kDraws = 1 << 17;

PublicKey key_of(std::uint64_t number) {
  PublicKey key{};
  std::mt19937_64 random(number);
  for (auto& byte : key) byte = static_cast<std::uint8_t>(random());
  return key;
}

IpAddress ip_of(std::uint64_t number) {
  IpAddress::Bytes bytes{};
  const auto key = key_of(number);
  std::copy_n(key.begin(), 8, bytes.begin());
  return IpAddress(bytes);
}

/// Some of so many callers, in no order.
template <class Made>
std::vector<Made> drawn(std::int64_t callers, Made (*made)(std::uint64_t)) {
  std::vector<Made> all;
  for (std::int64_t i = 0; i < callers; ++i) all.push_back(made(static_cast<std::uint64_t>(i)));
  std::mt19937 random(1);
  std::vector<Made> draws;
  for (std::size_t i = 0; i < kDraws; ++i) draws.push_back(all[random() % all.size()]);
  return draws;
}

Quotas& quotas() {
  static Quotas all([] {
    QuotaOptions options;
    options.hotkey_requests = options.ip_requests = {1e6, 1e6};
    options.hotkey_bytes = options.ip_bytes = {1e12, 1e12};
    options.concurrent = 1'000;
    return options;
  }());
  return all;
}

void charge_hotkey(benchmark::State& state) {
  const auto keys = drawn(state.range(0), key_of);
  std::size_t i = 0;
  const auto now = Clock::now();
  for (auto _ : state) {
    Quotas::Place place;
    benchmark::DoNotOptimize(quotas().charge_hotkey(keys[++i % kDraws], 1, place, now));
  }
}
void look_at(benchmark::State& state) {
  const auto keys = drawn(state.range(0), key_of);
  std::size_t i = 0;
  const auto now = Clock::now();
  for (auto _ : state) benchmark::DoNotOptimize(quotas().look_at(keys[++i % kDraws], 1, now));
}
void charge_ip(benchmark::State& state) {
  const auto ips = drawn(state.range(0), ip_of);
  std::size_t i = 0;
  const auto now = Clock::now();
  for (auto _ : state) benchmark::DoNotOptimize(quotas().charge_ip(ips[++i % kDraws], now));
}
void charge_bytes(benchmark::State& state) {
  const auto keys = drawn(state.range(0), key_of);
  const auto ips = drawn(state.range(0), ip_of);
  std::size_t i = 0;
  const auto now = Clock::now();
  for (auto _ : state) {
    ++i;
    benchmark::DoNotOptimize(
        quotas().charge_bytes(keys[i % kDraws], 1, ips[i % kDraws], 1'000, now));
  }
}
void shut_out_nobody(benchmark::State& state) {
  const auto ip = ip_of(1);
  const auto now = Clock::now();
  for (auto _ : state) benchmark::DoNotOptimize(quotas().shut_out(ip, now));
}
#define CALLERS ->Arg(4'096)->Arg(65'536)->Threads(1)->Threads(2)->UseRealTime()
BENCHMARK(charge_hotkey) CALLERS;
BENCHMARK(look_at) CALLERS;
BENCHMARK(charge_ip) CALLERS;
BENCHMARK(charge_bytes) CALLERS;
BENCHMARK(shut_out_nobody)->Threads(1)->Threads(2)->UseRealTime();

/// Every address is a new one.
void charge_new_ips(benchmark::State& state) {
  std::mt19937_64 random(2);
  const auto now = Clock::now();
  for (auto _ : state) {
    IpAddress::Bytes bytes{};
    const std::uint64_t number = random();
    std::memcpy(bytes.data(), &number, sizeof number);
    benchmark::DoNotOptimize(quotas().charge_ip(IpAddress(bytes), now));
  }
}
BENCHMARK(charge_new_ips);

RefusalNote note_of(const PublicKey& hotkey) {
  RefusalNote note;
  note.hotkey = &hotkey;
  note.code = dojo::Code::blacklisted;
  note.rule = "dojo-host.toml:12";
  note.reason = "hotkey is denied by a rule of the operator's";
  note.route = "Echo";
  return note;
}

void note_again(benchmark::State& state) {
  static RefusalBook book;
  const auto keys = drawn(state.range(0), key_of);
  std::size_t i = 0;
  const WallTime now(std::chrono::hours(500'000));
  for (auto _ : state) {
    auto note = note_of(keys[++i % kDraws]);
    note.known = true;
    book.note(note, now);
  }
}
BENCHMARK(note_again)->Arg(256)->Arg(4'096)->Threads(1)->Threads(2)->UseRealTime();

/// Every hotkey is a new one.
void note_invented(benchmark::State& state) {
  RefusalBook book;
  std::mt19937_64 random(3);
  const WallTime now(std::chrono::hours(500'000));
  for (auto _ : state) {
    PublicKey key{};
    const std::uint64_t number = random();
    std::memcpy(key.data(), &number, sizeof number);
    book.note(note_of(key), now);
  }
}
BENCHMARK(note_invented);

}  // namespace
