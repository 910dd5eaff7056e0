// What it costs to take a request's head apart, a byte of it: it must not depend on how much of it
// there is, nor on how it was cut. bench.sh compares.
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "unit/net/framing_outcome.hpp"

namespace {

using namespace dojo::net;

/// @param what 0: many headers, 1: one long one, 2: many requests
std::string bytes_of(std::int64_t what, std::size_t size) {
  std::string bytes;
  if (what == 2) {
    while (bytes.size() < size) bytes += "GET / HTTP/1.1\r\nHost: miner\r\n\r\n";
    return bytes;
  }
  bytes = "GET / HTTP/1.1\r\nHost: miner\r\n";
  const std::string value(what == 0 ? 90 : size, 'v');
  do {
    bytes += "X-Header: " + value + "\r\n";
  } while (bytes.size() < size);
  return bytes + "\r\n";
}

/// Arguments: what, bytes of all, bytes of a piece.
void take(benchmark::State& state) {
  Limits limits;
  limits.max_head = 60 << 10;
  limits.max_headers = 10'000;
  const auto bytes = bytes_of(state.range(0), static_cast<std::size_t>(state.range(1)));
  std::vector<std::string_view> pieces;
  const auto step = static_cast<std::size_t>(state.range(2));
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    pieces.push_back(std::string_view(bytes).substr(at, step));
  }
  for ([[maybe_unused]] auto round : state) {
    const auto outcome = feed(pieces, limits);
    if (outcome.requests() == 0) state.SkipWithError("it is refused");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(take)->ArgsProduct({{0, 1, 2}, {14'000, 56'000}, {64}});

}  // namespace
