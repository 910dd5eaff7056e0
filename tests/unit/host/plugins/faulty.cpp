// One plugin that is wrong in one of many ways, by what it is compiled with.
#include <cstdint>
#include <cstring>

#include <dojo/plugin.h>

namespace {

const dojo_route kRoutes[] = {
#if defined(FAULTY_ROUTE_NAME)
    {sizeof(dojo_route), 0, "a/b", nullptr, nullptr, nullptr, 0},
#elif defined(FAULTY_SCHEMA)
    {sizeof(dojo_route), 0, "One", nullptr, "{\"type\":", nullptr, 0},
#else
    {sizeof(dojo_route), 0, "One", nullptr, nullptr, nullptr, 0},
    {sizeof(dojo_route), 0, "One", nullptr, nullptr, nullptr, 0},
#endif
};

std::int32_t say(dojo_error* error, const char* text) {
  error->size = std::strlen(text);
  std::memcpy(error->data, text, error->size);
  return DOJO_FAILED;
}

std::int32_t start(void*, dojo_error* error) {
#ifdef FAULTY_START
  return say(error, "the GPU is on fire");
#else
  (void)error;
  return DOJO_OK;
#endif
}
std::int32_t handle(void*, const dojo_request*) {
  return DOJO_FAILED;
}
void stop(void*) {}
void destroy(void*) {}

std::int32_t create(const dojo_host*, dojo_span, dojo_plugin* plugin, dojo_error* error) {
#ifdef FAULTY_CREATE
  say(error, "never mind");
  throw 7;  // breaks the ABI's rule
#endif
  (void)error;
  (void)say;
#ifdef FAULTY_ROUTES
  const std::uint32_t count = 2;
#else
  const std::uint32_t count = 1;
#endif
  *plugin = {sizeof *plugin, count, nullptr, kRoutes, start, handle, stop, destroy};
#ifdef FAULTY_HOLES
  plugin->handle = nullptr;
#endif
  return DOJO_OK;
}

}  // namespace

#ifdef FAULTY_NAME
#define NAME "not a name"
#else
#define NAME "faulty"
#endif
#ifdef FAULTY_ABI
constexpr std::uint16_t kMajor = DOJO_ABI_MAJOR + 1;
#else
constexpr std::uint16_t kMajor = DOJO_ABI_MAJOR;
#endif

extern "C" DOJO_EXPORT const dojo_plugin_entry_v1 dojo_plugin_entry = {
    sizeof(dojo_plugin_entry_v1), kMajor, DOJO_ABI_MINOR, NAME, "0.0.1", create, nullptr};
