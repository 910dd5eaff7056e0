// Any line as one of dojo-worker's: what is read of it is bounded and printable, and can be
// written.
#include "plugins/deploy/probe_line.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "text/terminal.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check(std::string_view text, std::size_t longest) {
  require(text.size() <= longest);
  require(dojo::text::escaped(text) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dojo::plugins;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(dojo::text::printable(text, 100), 100);
  const auto line = read_probe_line(text);
  if (!line) return 0;
  check(line->name, 128);
  for (const auto* texts : {&line->faults, &line->stuck, &line->notes, &line->routes}) {
    for (const auto& each : *texts) check(each, 4096);
  }
  return 0;
}
