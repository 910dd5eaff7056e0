// Any bytes as the beginning of a proxy's connection: the same, however they are cut, and nothing
// is lost of what is no header.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/proxy_protocol.hpp"

namespace {

using dojo::net::ProxyHeader;
using State = ProxyHeader::State;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Outcome {
  State state = State::need_more;
  std::string left;    // behind the header, or all if it is none
  std::string source;  // "" if there is none
  bool operator==(const Outcome&) const = default;
};

Outcome read(std::string_view bytes, std::size_t piece) {
  ProxyHeader header;
  Outcome outcome;
  while (outcome.state == State::need_more && !bytes.empty()) {
    auto part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    outcome.state = header.feed(part);
    require(outcome.state != State::need_more || part.empty());
    if (outcome.state == State::none) outcome.left = header.taken();
    if (outcome.state != State::malformed) outcome.left += part;
  }
  if (outcome.state == State::done || outcome.state == State::none) outcome.left += bytes;
  if (outcome.state == State::done && header.source()) outcome.source = header.source()->text();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = read(bytes, bytes.size() + 1);
  for (const std::size_t piece : {1U, 5U, 16U}) require(read(bytes, piece) == whole);
  if (whole.state == State::none) require(whole.left == bytes);
  return 0;
}
