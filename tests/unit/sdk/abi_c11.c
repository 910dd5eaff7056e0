/* The ABI's header as C11: sizes and offsets that must never change within major 1 (64-bit hosts),
 * and a whole plugin written in plain C, called as a host would. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <dojo/plugin.h>

#define LAYOUT(type, member, offset) \
  _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define SIZE(type, bytes) \
  _Static_assert(sizeof(type) == (bytes), "the size of " #type " has changed")

#if UINTPTR_MAX == UINT64_MAX
SIZE(dojo_span, 16);
LAYOUT(dojo_span, size, 8);
SIZE(dojo_error, 24);
LAYOUT(dojo_error, capacity, 8);
LAYOUT(dojo_error, size, 16);
SIZE(dojo_request, 104);
LAYOUT(dojo_request, route, 4);
LAYOUT(dojo_request, id, 8);
LAYOUT(dojo_request, body, 16);
LAYOUT(dojo_request, hotkey, 32);
LAYOUT(dojo_request, dialect, 48);
LAYOUT(dojo_request, peer, 64);
LAYOUT(dojo_request, trace, 80);
LAYOUT(dojo_request, deadline_ns, 96);
SIZE(dojo_response, 72);
LAYOUT(dojo_response, status, 4);
LAYOUT(dojo_response, body, 8);
LAYOUT(dojo_response, error, 24);
LAYOUT(dojo_response, metadata, 40);
LAYOUT(dojo_response, release, 56);
LAYOUT(dojo_response, release_context, 64);
SIZE(dojo_host, 56);
LAYOUT(dojo_host, abi_major, 4);
LAYOUT(dojo_host, abi_minor, 6);
LAYOUT(dojo_host, context, 8);
LAYOUT(dojo_host, complete, 16);
LAYOUT(dojo_host, cancelled, 24);
LAYOUT(dojo_host, now_ns, 32);
LAYOUT(dojo_host, log, 40);
LAYOUT(dojo_host, extension, 48);
SIZE(dojo_route, 48);
LAYOUT(dojo_route, concurrency, 4);
LAYOUT(dojo_route, name, 8);
LAYOUT(dojo_route, description, 16);
LAYOUT(dojo_route, request_schema, 24);
LAYOUT(dojo_route, response_schema, 32);
LAYOUT(dojo_route, deadline_ms, 40);
SIZE(dojo_plugin, 56);
LAYOUT(dojo_plugin, route_count, 4);
LAYOUT(dojo_plugin, self, 8);
LAYOUT(dojo_plugin, routes, 16);
LAYOUT(dojo_plugin, start, 24);
LAYOUT(dojo_plugin, handle, 32);
LAYOUT(dojo_plugin, stop, 40);
LAYOUT(dojo_plugin, destroy, 48);
SIZE(dojo_plugin_entry_v1, 40);
LAYOUT(dojo_plugin_entry_v1, abi_major, 4);
LAYOUT(dojo_plugin_entry_v1, abi_minor, 6);
LAYOUT(dojo_plugin_entry_v1, name, 8);
LAYOUT(dojo_plugin_entry_v1, version, 16);
LAYOUT(dojo_plugin_entry_v1, create, 24);
LAYOUT(dojo_plugin_entry_v1, extension, 32);
#endif
/* An ELF note: three words, the owner padded to four bytes, the description. */
SIZE(dojo_note, 12 + 8 + 4 + 64);
LAYOUT(dojo_note, owner, 12);
LAYOUT(dojo_note, abi_major, 20);
LAYOUT(dojo_note, plugin, 24);
_Static_assert(DOJO_ABI_MAJOR == 1 && DOJO_OK == 0 && DOJO_STALE == 2, "values are ABI, too");

/* ---- a plugin in C: answers with what it is sent */

static const dojo_host* the_host;
static const dojo_route routes[] = {{sizeof(dojo_route), 0, "CEcho", "Echo, in C", NULL, NULL, 0}};

static int32_t start(void* self, dojo_error* error) {
  (void)self;
  (void)error;
  return DOJO_OK;
}
static int32_t handle(void* self, const dojo_request* request) {
  dojo_response response = {0};
  (void)self;
  response.struct_size = sizeof response;
  response.status = 200;
  response.body = request->body;
  return the_host->complete(the_host->context, request->id, &response);
}
static void stop(void* self) {
  (void)self;
}
static void destroy(void* self) {
  (void)self;
}

static int32_t create(const dojo_host* host, dojo_span config, dojo_plugin* plugin,
                      dojo_error* error) {
  (void)config;
  (void)error;
  the_host = host;
  plugin->struct_size = sizeof *plugin;
  plugin->route_count = 1;
  plugin->self = NULL;
  plugin->routes = routes;
  plugin->start = start;
  plugin->handle = handle;
  plugin->stop = stop;
  plugin->destroy = destroy;
  return DOJO_OK;
}

DOJO_NOTE("c-echo");
DOJO_EXPORT const dojo_plugin_entry_v1 dojo_plugin_entry = {
    sizeof(dojo_plugin_entry_v1), DOJO_ABI_MAJOR, DOJO_ABI_MINOR, "c-echo", "1.0.0", create, NULL};

/* ---- a host as far as it needs one */

#ifndef DOJO_ABI_PLUGIN_ONLY
static int failures;
static char answered[64];

static void require(int condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

static int32_t complete(void* context, dojo_request_id id, const dojo_response* response) {
  require(context == (void*)answered && id == 7, "complete is called with its context and id");
  require(response->status == 200 && response->release == NULL, "the response is whole");
  require(response->body.size < sizeof answered, "the body fits");
  memcpy(answered, response->body.data, response->body.size);
  return DOJO_OK;
}

int main(void) {
  char text[64];
  dojo_error error = {text, sizeof text, 0};
  dojo_span config = {"{}", 2};
  dojo_host host = {0};
  dojo_plugin plugin = {0};
  dojo_request request = {0};

  host.struct_size = sizeof host;
  host.abi_major = DOJO_ABI_MAJOR;
  host.context = answered;
  host.complete = complete;
  require(dojo_plugin_entry.create(&host, config, &plugin, &error) == DOJO_OK, "create");
  require(plugin.start(plugin.self, &error) == DOJO_OK, "start");
  request.struct_size = sizeof request;
  request.id = 7;
  request.body.data = "{\"a\":1}";
  request.body.size = 7;
  require(plugin.handle(plugin.self, &request) == DOJO_OK, "handle");
  require(strcmp(answered, "{\"a\":1}") == 0, "the body came back");
  plugin.stop(plugin.self);
  plugin.destroy(plugin.self);

  require(dojo_plugin_note.type == DOJO_NOTE_TYPE, "the note's type");
  require(dojo_plugin_note.name_size == sizeof "dojo", "the note's name size");
  require(dojo_plugin_note.description_size == 68, "the note's description size");
  require(strcmp(dojo_plugin_note.plugin, "c-echo") == 0, "the note's plugin");
  return failures;
}
#endif
