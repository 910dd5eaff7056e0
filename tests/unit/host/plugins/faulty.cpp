// One plugin that is wrong in one of many ways, by what it is compiled with.
#include <cstdint>
#include <cstring>

#include <dojo/plugin.h>

namespace {

constexpr dojo_route route(const char* name, const char* request_schema = nullptr) {
  dojo_route made{};
  made.struct_size = sizeof made;
  made.name = name;
  made.request_schema = request_schema;
  return made;
}

const dojo_route kRoutes[] = {
#if defined(FAULTY_ROUTE_NAME)
    route("a/b"),
#elif defined(FAULTY_SCHEMA)
    route("One", "{\"type\":"),
#else
    route("One"),
    route("One"),
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
[[maybe_unused]] std::int32_t handle(void*, const dojo_request*) {
  return DOJO_FAILED;
}
void stop(void*) {}
void destroy(void*) {}

#ifdef FAULTY_ROUTES
constexpr std::uint32_t kCount = 2;
#else
constexpr std::uint32_t kCount = 1;
#endif
const dojo_plugin kPlugin = {sizeof kPlugin, kCount,  nullptr, kRoutes, start,
#ifdef FAULTY_HOLES
                             nullptr,
#else
                             handle,
#endif
                             stop,           destroy, nullptr, nullptr};

std::int32_t create(const dojo_host*, dojo_span, const dojo_plugin** plugin, dojo_error* error) {
#ifdef FAULTY_CREATE
  say(error, "never mind");
  throw 7;  // breaks the ABI's rule
#endif
  (void)error;
  (void)say;
  *plugin = &kPlugin;
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

DOJO_NOTE(NAME);
extern "C" DOJO_EXPORT const dojo_plugin_entry_v1 dojo_plugin_entry = {
    sizeof(dojo_plugin_entry_v1), kMajor, DOJO_ABI_MINOR, NAME, "0.0.1", create};
