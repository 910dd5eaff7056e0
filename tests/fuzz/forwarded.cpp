// Any text as `Forwarded` and as `X-Forwarded-For`: whatever stands before it, it is the last
// caller that is named, or it is malformed, or nobody is named.
#include "net/forwarded.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace dojo;
using net::Forwarded;

void require(bool condition) {
  if (!condition) std::abort();
}

Forwarded read(std::string_view name, std::string_view value) {
  static const std::array kProxies{*base::Network::parse("10.0.0.0/8")};
  net::Head head;
  head.assign(std::string(name) + std::string(value));
  head.add(head.bytes().substr(0, name.size()), head.bytes().substr(name.size()));
  return net::read_forwarded(head, kProxies);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto caller = *base::IpAddress::parse("192.0.2.1");
  for (const auto& [name, last] :
       {std::pair("forwarded", ", for=192.0.2.1"), std::pair("x-forwarded-for", ", 192.0.2.1")}) {
    const auto said = read(name, text);
    require((said.state == Forwarded::State::malformed) != said.why.empty());
    require(said.state != Forwarded::State::absent);
    const auto added = read(name, std::string(text) + last);
    require(added.state == Forwarded::State::malformed ||
            (added.state == Forwarded::State::named && added.caller == caller));
  }
  if (const auto node = net::parse_node(text)) require(net::parse_node(node->text()) == node);
  return 0;
}
