// What it costs to decide who may call: ten thousand rules, a metagraph of 4,096.
#include <chrono>
#include <random>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "policy/rules/rules.hpp"

namespace {

using namespace dojo::policy;

constexpr WallTime kNow(std::chrono::milliseconds(1'700'000'000'000));

/// Rules name hotkeys, coldkeys and uids of the first half of the subnet, and
/// addresses in 10.0.0.0/8 and 2001:db8::/32; visits come from elsewhere.
constexpr std::uint32_t kNeurons = 4'096;
constexpr std::uint32_t kNamed = 2'048;

dojo::wire::PublicKey key_of(std::uint32_t number) {
  std::mt19937 engine(number);
  dojo::wire::PublicKey key{};
  for (auto& byte : key) byte = static_cast<std::uint8_t>(engine());
  return key;
}

MetagraphView metagraph() {
  std::vector<Neuron> neurons;
  for (std::uint32_t uid = 0; uid < kNeurons; ++uid) {
    neurons.push_back({static_cast<std::uint16_t>(uid), key_of(uid), key_of(1'000'000 + uid),
                       uid % 4 != 1, 10.0 * uid});
  }
  return {std::make_shared<const Metagraph>(52, 1, std::move(neurons)), true, true, Stale::closed};
}

Rule rule(std::uint32_t number, std::mt19937& engine) {
  Rule rule{.name = fmt::format("dojo-host.toml:{}", number)};
  const auto named = static_cast<std::uint32_t>(engine() % kNamed);
  const auto block = [&](unsigned shortest, unsigned longest) {
    return shortest + static_cast<unsigned>(engine() % (longest - shortest + 1));
  };
  switch (number % 8) {
    case 0:
    case 1:
    case 2:
      rule.hotkeys = {key_of(number % 2 == 0 ? named : 2'000'000 + number)};
      break;
    case 3:
      rule.coldkeys = {key_of(1'000'000 + named)};
      break;
    case 4:
      rule.uids = {static_cast<std::uint16_t>(named)};
      break;
    case 5:
    case 6:
      rule.networks = {*dojo::base::Network::parse(fmt::format(
          "10.{}.{}.{}/{}", engine() % 256, engine() % 256, engine() % 256, block(20, 32)))};
      break;
    default:
      rule.networks = {*dojo::base::Network::parse(fmt::format(
          "2001:db8:{:x}:{:x}::/{}", engine() % 65536, engine() % 65536, block(44, 64)))};
  }
  if (number % 16 == 9) rule.until = kNow + std::chrono::hours(1);
  if (number % 32 == 3) rule.below_stake = 5'000;
  if (number % 64 == 5) rule.routes = {"Score"};
  return rule;
}

RuleOptions rules(std::uint32_t count) {
  std::mt19937 engine(7);
  RuleOptions options;
  for (std::uint32_t i = 0; i < count; ++i) options.rules.push_back(rule(i, engine));
  // As `validators_only` and `min_stake` make them.
  options.rules.push_back({.name = "dojo-host.toml:1", .validator_permit = false});
  options.rules.push_back({.name = "dojo-host.toml:2", .below_stake = 100});
  return options;
}

/// Many callers, so that what is found is not all in the cache because it is always the same.
void judge(benchmark::State& state, std::uint32_t first, const char* ip, bool allowed) {
  const RuleSet set(rules(static_cast<std::uint32_t>(state.range(0))));
  const auto view = metagraph();
  std::vector<Visit> visits;
  for (std::uint32_t i = 0; visits.size() < 512; ++i) {
    if ((first + i) % 4 == 1) continue;  // no validator
    visits.push_back({key_of(first + i), *dojo::base::IpAddress::parse(ip), "Score"});
  }
  std::size_t next = 0;
  for (auto _ : state) {
    auto ruling = set.judge(visits[next++ % visits.size()], view, kNow);
    benchmark::DoNotOptimize(ruling);
    if (ruling.allowed != allowed) state.SkipWithError("another ruling");
  }
}
BENCHMARK_CAPTURE(judge, allowed_v4, kNamed + 512, "203.0.113.7", true)->Arg(10)->Arg(10'000);
BENCHMARK_CAPTURE(judge, allowed_v6, kNamed + 512, "2001:1234::7", true)->Arg(10)->Arg(10'000);
BENCHMARK_CAPTURE(judge, refused_stranger, 3'000'000u, "203.0.113.7", false)->Arg(10)->Arg(10'000);

void make_ready(benchmark::State& state) {
  const auto options = rules(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    RuleSet set(options);
    benchmark::DoNotOptimize(set);
  }
}
BENCHMARK(make_ready)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
