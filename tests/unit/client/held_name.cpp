#include "held_name.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include <dlfcn.h>
#include <netdb.h>

namespace dojo::testing {
namespace {

struct State {
  std::mutex mutex;
  std::condition_variable changed;
  std::string name;  // empty: none is held
  bool released = false;
  int inside = 0;
};

// Never destroyed: a thread of libcurl's may outlive main().
State& state() {
  static State* const kState = new State;  // NOLINT(cppcoreguidelines-owning-memory)
  return *kState;
}

bool wait_if_held(const char* name) {
  auto& s = state();
  std::unique_lock lock(s.mutex);
  if (!name || s.name.empty() || s.name != name) return false;
  ++s.inside;
  s.changed.notify_all();
  s.changed.wait(lock, [&] { return s.released; });
  --s.inside;
  s.changed.notify_all();
  return true;
}

}  // namespace

HeldName::HeldName(const std::string& name) {
  const std::lock_guard lock(state().mutex);
  state().name = name;
  state().released = false;
}

HeldName::~HeldName() {
  release();
  auto& s = state();
  std::unique_lock lock(s.mutex);
  s.changed.wait(lock, [&] { return s.inside == 0; });
  s.name.clear();
}

bool HeldName::wait_for(int lookups) const {
  auto& s = state();
  std::unique_lock lock(s.mutex);
  return s.changed.wait_for(lock, std::chrono::seconds(10), [&] { return s.inside >= lookups; });
}

void HeldName::release() {
  const std::lock_guard lock(state().mutex);
  state().released = true;
  state().changed.notify_all();
}

}  // namespace dojo::testing

// The program's own symbol comes before the C library's, for the libraries that it loads as well.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** result) {
  if (dojo::testing::wait_if_held(node)) return EAI_NONAME;
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto kNext = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return kNext(node, service, hints, result);
}
