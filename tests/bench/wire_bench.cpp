// What the wire's operations cost: one thread, no sockets.
#include <string>

#include <benchmark/benchmark.h>

#include <dojo/wire/compression.hpp>
#include <dojo/wire/dialect.hpp>
#include <dojo/wire/keypair.hpp>
#include <dojo/wire/signature.hpp>

#include "sr25519/by_libsodium.hpp"
#include "wire/known_keys.hpp"

namespace {

using namespace dojo::wire;

/// JSON-like text: compresses about as well as the models that travel.
std::string text_of(std::size_t size) {
  std::string text;
  std::uint32_t number = 1;
  while (text.size() < size) {
    number = number * 1664525 + 1013904223;
    text += "{\"index\": " + std::to_string(number >> 8) + ", \"completion\": \"some words\"}, ";
  }
  text.resize(size);
  return text;
}

template <Scheme scheme>
void sign(benchmark::State& state) {
  const Keypair keypair = Keypair::generate(scheme);
  const std::string message(static_cast<std::size_t>(state.range(0)), 'm');
  for (auto _ : state) benchmark::DoNotOptimize(keypair.sign(message));
}
BENCHMARK(sign<Scheme::sr25519>)->Arg(0)->Arg(1024);
BENCHMARK(sign<Scheme::ed25519>)->Arg(0)->Arg(1024);

template <Scheme scheme>
void check(benchmark::State& state) {
  const Keypair keypair = Keypair::generate(scheme);
  const std::string message(static_cast<std::size_t>(state.range(0)), 'm');
  const SignatureBytes signature = keypair.sign(message);
  for (auto _ : state) {
    if (!verify(keypair.public_key(), message, signature)) state.SkipWithError("refused");
  }
}
BENCHMARK(check<Scheme::sr25519>)->Arg(0)->Arg(1024);
BENCHMARK(check<Scheme::ed25519>)->Arg(0)->Arg(1024);

/// An sr25519 signature over a message of 200 bytes, as dojo/1's is, checked in each way that there
/// is; how they compare is judged by sr25519_is_cheap.py.
struct Signed {
  Keypair keypair = Keypair::generate();
  std::string message = std::string(200, 'm');
  SignatureBytes signature = keypair.sign(message);
};

void check_unknown_key(benchmark::State& state) {
  const Signed given;
  for (auto _ : state) {
    if (!verify(given.keypair.public_key(), given.message, given.signature)) {
      state.SkipWithError("refused");
    }
  }
}
BENCHMARK(check_unknown_key);

void check_known_key(benchmark::State& state) {
  const Signed given;
  KnownKeys known;
  for (auto _ : state) {
    if (!known.verify(given.keypair.public_key(), given.message, given.signature)) {
      state.SkipWithError("refused");
    }
  }
}
BENCHMARK(check_known_key);

/// As it was done before libdecaf did it.
void check_by_libsodium(benchmark::State& state) {
  const Signed given;
  for (auto _ : state) {
    if (!test::verify_by_libsodium(given.keypair.public_key(), given.message, given.signature)) {
      state.SkipWithError("refused");
    }
  }
}
BENCHMARK(check_by_libsodium);

/// Without the message's hash.
void three_calls_of_libsodium(benchmark::State& state) {
  const test::Bytes32 key = Keypair::generate().public_key();
  test::Bytes32 s{};
  test::Bytes32 c{};
  crypto_core_ristretto255_scalar_random(s.data());
  crypto_core_ristretto255_scalar_random(c.data());
  for (auto _ : state) benchmark::DoNotOptimize(test::commitment_by_libsodium(key, s, c));
}
BENCHMARK(three_calls_of_libsodium);

/// What a key's second signature costs on top.
void make_table(benchmark::State& state) {
  const PublicKey key = Keypair::generate().public_key();
  for (auto _ : state) benchmark::DoNotOptimize(sr25519::make_table(key));
}
BENCHMARK(make_table);

void encode_address(benchmark::State& state) {
  const PublicKey key = Keypair::generate().public_key();
  for (auto _ : state) benchmark::DoNotOptimize(encode_ss58(key));
}
BENCHMARK(encode_address);

void decode_address(benchmark::State& state) {
  const std::string address = Keypair::generate().address();
  for (auto _ : state) benchmark::DoNotOptimize(decode_ss58(address));
}
BENCHMARK(decode_address);

void read_signature(benchmark::State& state) {
  const std::string text = format_signature(Keypair::generate().sign(""));
  for (auto _ : state) benchmark::DoNotOptimize(parse_signature(text));
}
BENCHMARK(read_signature);

DojoMessage dojo_message() {
  return {.method = "POST",
          .path = "/Echo",
          .to = Keypair::generate().public_key(),
          .time = std::chrono::sys_time<std::chrono::milliseconds>(
              std::chrono::milliseconds(1'700'000'000'000)),
          .nonce = make_nonce(),
          .body = hash_body("")};
}

void format_message(benchmark::State& state) {
  const DojoMessage message = dojo_message();
  for (auto _ : state) benchmark::DoNotOptimize(format_dojo_message(message));
}
BENCHMARK(format_message);

void parse_message(benchmark::State& state) {
  const std::string text = format_dojo_message(dojo_message());
  for (auto _ : state) benchmark::DoNotOptimize(parse_dojo_message(text));
}
BENCHMARK(parse_message);

void hash(benchmark::State& state) {
  const std::string body = text_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(hash_body(body));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(hash)->Arg(1 << 10)->Arg(1 << 20);

void zstd_compress(benchmark::State& state) {
  const std::string body = text_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(compress(body));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(zstd_compress)->Arg(1 << 10)->Arg(1 << 20);

void zstd_decompress(benchmark::State& state) {
  const auto frame = compress(text_of(static_cast<std::size_t>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(decompress(*frame));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(zstd_decompress)->Arg(1 << 10)->Arg(1 << 20);

}  // namespace
