// Requests out of bytes: the outcome must not depend on how the bytes are cut, nor memory run ahead
// of them.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "../unit/net/framing_outcome.hpp"

namespace {

using dojo::net::Limits;
using dojo::net::Outcome;

/// Small, so that short inputs reach them.
Limits small_limits() {
  Limits limits;
  limits.max_head = 600;
  limits.max_target = 100;
  limits.max_headers = 8;
  limits.max_body = 1'000;
  return limits;
}

/// Pieces whose sizes follow from the bytes themselves.
std::vector<std::string_view> cut(std::string_view bytes) {
  std::vector<std::string_view> pieces;
  std::uint32_t state = 2'166'136'261U;
  while (!bytes.empty()) {
    state = (state ^ static_cast<unsigned char>(bytes.front()) ^
             static_cast<std::uint32_t>(bytes.size())) *
            16'777'619U;
    const std::size_t size = 1 + (state >> 16) % 24;
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(pieces.back().size());
  }
  return pieces;
}

std::vector<std::string_view> cut_each(std::string_view bytes) {
  std::vector<std::string_view> pieces;
  pieces.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size(); ++at) pieces.push_back(bytes.substr(at, 1));
  return pieces;
}

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Limits limits = small_limits();
  const Outcome whole = dojo::net::feed({bytes}, limits);
  require(dojo::net::feed(cut(bytes), limits).events == whole.events, "cutting changes nothing");
  const Outcome slow = dojo::net::feed(cut_each(bytes), limits);
  require(slow.events == whole.events, "single bytes change nothing");
  // std::string grows by doubling, from 15 bytes.
  require(slow.most_held <= 2 * size + 64, "memory follows the bytes");
  return 0;
}
