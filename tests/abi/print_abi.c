/* Prints all of plugin.h that is binary: sizes, offsets, types, values. See check.sh. */
#include <stdint.h>
#include <stdio.h>

#include <dojo/plugin.h>

static size_t end; /* of the field before */

static void padding(size_t until) {
  if (until > end) printf("  (%zu bytes of padding)\n", until - end);
}
static void field(const char* type, const char* name, size_t offset, size_t size,
                  const char* declared) {
  padding(offset);
  printf("  %s.%s at %zu, %zu bytes: %s\n", type, name, offset, size, declared);
  end = offset + size;
}

#define STRUCT(type) printf("struct %s: %zu bytes\n", #type, sizeof(type)), end = 0
#define STRUCT_END(type) padding(sizeof(type))
#define FIELD(type, name, ...)                                                         \
  do {                                                                                 \
    _Static_assert(_Generic(((type*)0)->name, __VA_ARGS__: 1, default: 0),             \
                   #type "." #name " is no " #__VA_ARGS__);                            \
    field(#type, #name, offsetof(type, name), sizeof(((type*)0)->name), #__VA_ARGS__); \
  } while (0)
#define TEXT(type, name) \
  field(#type, #name, offsetof(type, name), sizeof(((type*)0)->name), "char[]")
#define VALUE(name) printf("%s = %lld\n", #name, (long long)(name))
#define WORD(name) printf("%s = \"%s\"\n", #name, name)

static void values(void) {
  VALUE(DOJO_ABI_MAJOR);
  VALUE(DOJO_ABI_MINOR);
  VALUE(DOJO_BODY_PADDING);
  VALUE(DOJO_OK);
  VALUE(DOJO_FAILED);
  VALUE(DOJO_STALE);
  VALUE(DOJO_INVALID);
  VALUE(DOJO_UNKNOWN);
  VALUE(DOJO_REFUSED);
  VALUE(DOJO_FULL);
  VALUE(DOJO_LOG_DEBUG);
  VALUE(DOJO_LOG_INFO);
  VALUE(DOJO_LOG_WARNING);
  VALUE(DOJO_LOG_ERROR);
  VALUE(DOJO_STATUS_FAILED);
  VALUE(DOJO_STATUS_INVALID_BODY);
  VALUE(DOJO_STATUS_TOO_LARGE);
  VALUE(DOJO_REQUEST_VALIDATOR_PERMIT);
  VALUE(DOJO_RESPONSE_WELL_FORMED);
  VALUE(DOJO_ROUTE_RAW);
  VALUE(DOJO_ROUTE_STREAM);
  VALUE(DOJO_NOTE_TYPE);
  WORD(DOJO_EXT_STATE);
  WORD(DOJO_EXT_HEALTH);
  WORD(DOJO_EXT_SELFTEST);
  WORD(DOJO_EXT_EXECUTOR);
  printf("dojo_request_id: %zu bytes, %s\n", sizeof(dojo_request_id),
         _Generic((dojo_request_id)0, uint64_t: "uint64_t", default: "another type"));
}

static void small(void) {
  STRUCT(dojo_span);
  FIELD(dojo_span, data, const char*);
  FIELD(dojo_span, size, size_t);
  STRUCT_END(dojo_span);

  STRUCT(dojo_error);
  FIELD(dojo_error, data, char*);
  FIELD(dojo_error, capacity, size_t);
  FIELD(dojo_error, size, size_t);
  STRUCT_END(dojo_error);
}

static void requests(void) {
  STRUCT(dojo_request);
  FIELD(dojo_request, struct_size, uint32_t);
  FIELD(dojo_request, route, uint32_t);
  FIELD(dojo_request, id, dojo_request_id);
  FIELD(dojo_request, body, dojo_span);
  FIELD(dojo_request, hotkey, dojo_span);
  FIELD(dojo_request, dialect, dojo_span);
  FIELD(dojo_request, peer, dojo_span);
  FIELD(dojo_request, trace, dojo_span);
  FIELD(dojo_request, deadline_ns, uint64_t);
  FIELD(dojo_request, method, dojo_span);
  FIELD(dojo_request, target, dojo_span);
  FIELD(dojo_request, fields, dojo_span);
  FIELD(dojo_request, stake, double);
  FIELD(dojo_request, uid, int64_t);
  FIELD(dojo_request, flags, uint64_t);
  FIELD(dojo_request, call, uint64_t);
  STRUCT_END(dojo_request);

  STRUCT(dojo_response);
  FIELD(dojo_response, struct_size, uint32_t);
  FIELD(dojo_response, status, uint32_t);
  FIELD(dojo_response, body, dojo_span);
  FIELD(dojo_response, error, dojo_span);
  FIELD(dojo_response, metadata, dojo_span);
  FIELD(dojo_response, release, void (*)(void*));
  FIELD(dojo_response, release_context, void*);
  FIELD(dojo_response, fields, dojo_span);
  FIELD(dojo_response, flags, uint64_t);
  STRUCT_END(dojo_response);
}

static void host(void) {
  STRUCT(dojo_host);
  FIELD(dojo_host, struct_size, uint32_t);
  FIELD(dojo_host, abi_major, uint16_t);
  FIELD(dojo_host, abi_minor, uint16_t);
  FIELD(dojo_host, context, void*);
  FIELD(dojo_host, complete, int32_t (*)(void*, dojo_request_id, const dojo_response*));
  FIELD(dojo_host, cancelled, int32_t (*)(void*, dojo_request_id));
  FIELD(dojo_host, now_ns, uint64_t (*)(void*));
  FIELD(dojo_host, log, void (*)(void*, int32_t, dojo_request_id, dojo_span));
  FIELD(dojo_host, count, void (*)(void*, dojo_span, double));
  FIELD(dojo_host, observe, void (*)(void*, dojo_span, double));
  FIELD(dojo_host, extension, const void* (*)(void*, const char*));
  FIELD(dojo_host, write, int32_t (*)(void*, dojo_request_id, dojo_span));
  STRUCT_END(dojo_host);
}

static void plugin(void) {
  STRUCT(dojo_route);
  FIELD(dojo_route, struct_size, uint32_t);
  FIELD(dojo_route, concurrency, uint32_t);
  FIELD(dojo_route, name, const char*);
  FIELD(dojo_route, description, const char*);
  FIELD(dojo_route, request_schema, const char*);
  FIELD(dojo_route, response_schema, const char*);
  FIELD(dojo_route, deadline_ms, uint64_t);
  FIELD(dojo_route, blacklist, int32_t (*)(void*, const dojo_request*, dojo_error*));
  FIELD(dojo_route, verify, int32_t (*)(void*, const dojo_request*, dojo_error*));
  FIELD(dojo_route, priority, int32_t (*)(void*, const dojo_request*));
  FIELD(dojo_route, path, const char*);
  FIELD(dojo_route, methods, const char*);
  FIELD(dojo_route, flags, uint64_t);
  STRUCT_END(dojo_route);

  STRUCT(dojo_plugin);
  FIELD(dojo_plugin, struct_size, uint32_t);
  FIELD(dojo_plugin, route_count, uint32_t);
  FIELD(dojo_plugin, self, void*);
  FIELD(dojo_plugin, routes, const dojo_route*);
  FIELD(dojo_plugin, start, int32_t (*)(void*, dojo_error*));
  FIELD(dojo_plugin, handle, int32_t (*)(void*, const dojo_request*));
  FIELD(dojo_plugin, stop, void (*)(void*));
  FIELD(dojo_plugin, destroy, void (*)(void*));
  FIELD(dojo_plugin, extension, const void* (*)(void*, const char*));
  FIELD(dojo_plugin, resume, void (*)(void*, dojo_request_id));
  STRUCT_END(dojo_plugin);

  STRUCT(dojo_plugin_entry_v1);
  FIELD(dojo_plugin_entry_v1, struct_size, uint32_t);
  FIELD(dojo_plugin_entry_v1, abi_major, uint16_t);
  FIELD(dojo_plugin_entry_v1, abi_minor, uint16_t);
  FIELD(dojo_plugin_entry_v1, name, const char*);
  FIELD(dojo_plugin_entry_v1, version, const char*);
  FIELD(dojo_plugin_entry_v1, create,
        int32_t (*)(const dojo_host*, dojo_span, const dojo_plugin**, dojo_error*));
  STRUCT_END(dojo_plugin_entry_v1);
}

static void extensions(void) {
  STRUCT(dojo_state_v1);
  FIELD(dojo_state_v1, struct_size, uint32_t);
  FIELD(dojo_state_v1, save, int32_t (*)(void*, void (*)(void*, dojo_span), void*, dojo_error*));
  FIELD(dojo_state_v1, restore, int32_t (*)(void*, dojo_span, dojo_error*));
  STRUCT_END(dojo_state_v1);

  STRUCT(dojo_health_v1);
  FIELD(dojo_health_v1, struct_size, uint32_t);
  FIELD(dojo_health_v1, check, int32_t (*)(void*, dojo_error*));
  STRUCT_END(dojo_health_v1);

  STRUCT(dojo_selftest_v1);
  FIELD(dojo_selftest_v1, struct_size, uint32_t);
  FIELD(dojo_selftest_v1, run, int32_t (*)(void*, dojo_error*));
  STRUCT_END(dojo_selftest_v1);

  STRUCT(dojo_executor_v1);
  FIELD(dojo_executor_v1, struct_size, uint32_t);
  FIELD(dojo_executor_v1, post, int32_t (*)(void*, void (*)(void*, int32_t), void*));
  STRUCT_END(dojo_executor_v1);
}

static void note(void) {
  STRUCT(dojo_note);
  FIELD(dojo_note, name_size, uint32_t);
  FIELD(dojo_note, description_size, uint32_t);
  FIELD(dojo_note, type, uint32_t);
  TEXT(dojo_note, owner);
  FIELD(dojo_note, abi_major, uint16_t);
  FIELD(dojo_note, abi_minor, uint16_t);
  TEXT(dojo_note, plugin);
  STRUCT_END(dojo_note);
}

DOJO_NOTE("abi");
const dojo_plugin_entry_v1 dojo_plugin_entry = {0};

int main(void) {
  values();
  small();
  requests();
  host();
  plugin();
  extensions();
  note();
  printf("DOJO_NOTE: owner \"%s\", name size %u, description size %u, type %u\n",
         dojo_plugin_note.owner, dojo_plugin_note.name_size, dojo_plugin_note.description_size,
         dojo_plugin_note.type);
  /* The symbol's name and type, by the header's own declaration. */
  printf("symbol dojo_plugin_entry: %s, DOJO_EXPORT\n", _Generic(&dojo_plugin_entry,
             const dojo_plugin_entry_v1*: "const dojo_plugin_entry_v1",
             default: "another type"));
  return 0;
}
