// What it costs to know a request again, and to look at one of a stranger. Each thread has keys of
// its own; a million are there already.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <dojo/wire/keypair.hpp>

#include "policy/replay/replay_memory.hpp"
#include "request/authenticate.hpp"
#include "unit/host/made_head.hpp"

namespace {

using namespace dojo;
using policy::ReplayMemory;
using Kind = ReplayMemory::Kind;

constexpr std::uint64_t kPresent = 1'000'000;
constexpr std::uint64_t kSigners = 256;

/// Ever later, so that nothing of it is too old to be told from what a signer gave up.
policy::WallTime time_of(std::uint64_t number) {
  return policy::WallTime(std::chrono::milliseconds(1'800'000'000'000 + number % (1ULL << 40)));
}

/// A memory with a million nonces, in a folder that goes with it.
class Memory {
 public:
  explicit Memory(bool persist) {
    std::string folder = "/tmp/dojo_bench_XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = folder;
    policy::ReplayOptions options;
    options.persist = persist;
    auto opened = ReplayMemory::open(options, folder_ / "state",
                                     policy::ReplayClocks::of_the_system(), [](auto, auto) {});
    if (!opened) throw std::runtime_error(opened.error().message);
    memory_ = std::move(*opened);
    for (std::uint64_t i = 0; i < kPresent; ++i) insert(name(i), i);
  }
  ~Memory() {
    memory_.reset();
    std::filesystem::remove_all(folder_);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  /// Of one of many signers, or of a thread's own.
  [[nodiscard]] policy::ReplayName name(std::uint64_t number) const {
    const std::uint64_t signer = number < kPresent ? number % kSigners : number >> 40 << 40;
    return memory_->name(Kind::nonce, {reinterpret_cast<const char*>(&signer), sizeof signer},
                         {reinterpret_cast<const char*>(&number), sizeof number});
  }
  bool insert(const policy::ReplayName& name, std::uint64_t number) {
    return memory_->insert(Kind::nonce, name, time_of(number), {}) == policy::Seen::fresh;
  }
  [[nodiscard]] bool is_new(const policy::ReplayName& name, std::uint64_t number) const {
    return memory_->look(Kind::nonce, name, time_of(number)) == policy::Seen::fresh;
  }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<ReplayMemory> memory_;
};

std::unique_ptr<Memory> shared;  // by the threads of one benchmark
template <bool persist>
void set_up(const benchmark::State& /*state*/) {
  shared = std::make_unique<Memory>(persist);
}
void tear_down(const benchmark::State& /*state*/) {
  shared.reset();
}

/// Look-up and insertion of a new key, as each accepted request has them; hashing it is counted
/// too.
void check(benchmark::State& state) {
  auto number = (static_cast<std::uint64_t>(state.thread_index()) + 1) << 40;
  for (auto _ : state) {
    const auto name = shared->name(++number);
    if (!shared->is_new(name, number)) state.SkipWithError("known");
    if (!shared->insert(name, number)) state.SkipWithError("known");
  }
}
BENCHMARK(check)
    ->Name("check/memory")
    ->Setup(set_up<false>)
    ->Teardown(tear_down)
    ->ThreadRange(1, 2)
    ->UseRealTime();
BENCHMARK(check)
    ->Name("check/journal")
    ->Setup(set_up<true>)
    ->Teardown(tear_down)
    ->ThreadRange(1, 2)
    ->UseRealTime();

/// The same without the hash: the store and its journal alone.
void check_key(benchmark::State& state) {
  policy::ReplayName name;
  name.holder = static_cast<policy::HolderId>(state.thread_index()) + 1;
  auto number = (static_cast<std::uint64_t>(state.thread_index()) + 1) << 40;
  for (auto _ : state) {
    ++number;
    auto spread = number * 0x9e3779b97f4a7c15;
    spread ^= spread >> 29;
    std::memcpy(name.key.data(), &spread, 8);
    std::memcpy(name.key.data() + 8, &spread, 8);
    if (!shared->is_new(name, number)) state.SkipWithError("known");
    if (!shared->insert(name, number)) state.SkipWithError("known");
  }
}
BENCHMARK(check_key)
    ->Name("check_key/memory")
    ->Setup(set_up<false>)
    ->Teardown(tear_down)
    ->ThreadRange(1, 2)
    ->UseRealTime();
BENCHMARK(check_key)
    ->Name("check_key/journal")
    ->Setup(set_up<true>)
    ->Teardown(tear_down)
    ->ThreadRange(1, 2)
    ->UseRealTime();

void look_up_known(benchmark::State& state) {
  std::uint64_t number = 0;
  for (auto _ : state) {
    const auto present = number++ * 7919 % kPresent;
    if (shared->is_new(shared->name(present), present)) state.SkipWithError("not known");
  }
}
BENCHMARK(look_up_known)->Setup(set_up<false>)->Teardown(tear_down);

/// A host, and the head of a request that it would take.
struct Host {
  wire::Keypair self = wire::Keypair::generate();
  wire::Keypair caller = wire::Keypair::generate();
  policy::ReplayMemory seen{{}, policy::ReplayClocks::of_the_system()};
  request::Authenticator authenticator;
  net::Head head;

  explicit Host(wire::Dialect dialect)
      : authenticator(options(), self.public_key(), seen,
                      policy::ReplayClocks::of_the_system().wall) {
    auto headers = signing_headers(dialect);
    for (const char* name : {"host", "content-type", "content-length", "accept", "user-agent"}) {
      headers.emplace_back(name, "something");
    }
    head = test::make_head("POST", "/Echo", headers);
  }

 private:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  [[nodiscard]] Headers signing_headers(wire::Dialect dialect) const {
    const auto now = policy::ReplayClocks::of_the_system().wall();
    if (dialect == wire::Dialect::epistula2) {
      return {{"Epistula-Version", "2"},
              {"Epistula-Timestamp", std::to_string(now.time_since_epoch().count())},
              {"Epistula-Uuid", "357c8ea6-ef90-4564-a99a-9f22892a321d"},
              {"Epistula-Signed-By", caller.address()},
              {"Epistula-Signed-For", self.address()},
              {"Epistula-Request-Signature", wire::format_signature(caller.sign(""))}};
    }
    std::string text = wire::legacy_message(caller.address());
    if (dialect == wire::Dialect::dojo1) {
      text = wire::format_dojo_message({.method = "POST",
                                        .path = "/Echo",
                                        .to = self.public_key(),
                                        .time = now,
                                        .nonce = wire::make_nonce(),
                                        .body = wire::hash_body("")});
    }
    return {{"x-hotkey", caller.address()},
            {"x-message", text},
            {"x-signature", wire::format_signature(caller.sign(text))}};
  }
  static request::AuthOptions options() {
    request::AuthOptions options;
    options.dialects = request::DialectSet(wire::kDialects);
    options.window = options.epistula_past = std::chrono::minutes(10);
    return options;
  }
};

/// What rules are asked after: all that a caller who is banned costs.
template <wire::Dialect dialect>
void read_head(benchmark::State& state) {
  const Host host(dialect);
  for (auto _ : state) {
    const auto claim = host.authenticator.read(host.head, "Echo");
    if (!claim) state.SkipWithError(claim.error().told.c_str());
  }
}
BENCHMARK(read_head<wire::Dialect::legacy>);
BENCHMARK(read_head<wire::Dialect::dojo1>);
BENCHMARK(read_head<wire::Dialect::epistula2>);

/// All before the curve.
template <wire::Dialect dialect>
void read_and_look_at(benchmark::State& state) {
  const Host host(dialect);
  for (auto _ : state) {
    auto claim = host.authenticator.read(host.head, "Echo");
    if (!claim) state.SkipWithError(claim.error().told.c_str());
    const auto refusal = host.authenticator.look_at(*claim, host.head);
    if (refusal) state.SkipWithError(refusal->told.c_str());
  }
}
BENCHMARK(read_and_look_at<wire::Dialect::legacy>);
BENCHMARK(read_and_look_at<wire::Dialect::dojo1>);
BENCHMARK(read_and_look_at<wire::Dialect::epistula2>);

}  // namespace
