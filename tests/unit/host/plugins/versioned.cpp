// The same plugin in several versions, by what it is compiled with: VERSION, and FAILS for one
// whose handler fails and which hands nothing over. It counts its calls, and hands the count over.
#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <dojo/plugin.hpp>

namespace {

struct Which {
  std::string wait;  // answered only when the caller has gone, or the request is cancelled
};
DOJO_MODEL(Which, DOJO_DEFAULT(wait))

struct Told {
  std::int32_t version = 0;
  std::uint64_t calls = 0;
};
DOJO_MODEL(Told, version, calls)

struct Memory {
  std::uint64_t calls = 0;
};
DOJO_MODEL(Memory, calls)

std::atomic<std::uint64_t> calls{0};

Told which(dojo::Context& call, Which request) {
#ifdef FAILS
  throw std::runtime_error("this version is broken");
#endif
  call.count("calls");
  while (!request.wait.empty() && !call.cancelled()) {
  }
  return {VERSION, ++calls};
}

Memory remember() {
#ifdef FAILS
  throw std::runtime_error("this version forgets");
#endif
  return {calls};
}

}  // namespace

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
DOJO_PLUGIN("versioned", TEXT(VERSION) ".0.0",
            dojo::state<Memory>([] { return remember(); },
                                [](Memory memory) { calls = memory.calls; }),
            dojo::handle(which))
