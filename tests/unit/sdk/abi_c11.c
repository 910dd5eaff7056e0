/* The ABI's header as C11: a whole plugin written in plain C, called as a host would. What is
 * binary about the header is checked in tests/abi. */
#include <stdio.h>
#include <string.h>

#include <dojo/plugin.h>

/* ---- a plugin in C: answers with what it is sent */

static const dojo_host* the_host;
static const dojo_route routes[] = {
    {.struct_size = sizeof(dojo_route), .name = "CEcho", .description = "Echo, in C"}};

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

static const dojo_plugin the_plugin = {
    sizeof(dojo_plugin), 1, NULL, routes, start, handle, stop, destroy, NULL, NULL};

static int32_t create(const dojo_host* host, dojo_span config, const dojo_plugin** plugin,
                      dojo_error* error) {
  (void)config;
  (void)error;
  the_host = host;
  *plugin = &the_plugin;
  return DOJO_OK;
}

DOJO_NOTE("c-echo");
DOJO_EXPORT const dojo_plugin_entry_v1 dojo_plugin_entry = {
    sizeof(dojo_plugin_entry_v1), DOJO_ABI_MAJOR, DOJO_ABI_MINOR, "c-echo", "1.0.0", create};

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
  const dojo_plugin* plugin = NULL;
  dojo_request request = {0};

  host.struct_size = sizeof host;
  host.abi_major = DOJO_ABI_MAJOR;
  host.context = answered;
  host.complete = complete;
  require(dojo_plugin_entry.create(&host, config, &plugin, &error) == DOJO_OK, "create");
  require(plugin->start(plugin->self, &error) == DOJO_OK, "start");
  request.struct_size = sizeof request;
  request.id = 7;
  request.body.data = "{\"a\":1}";
  request.body.size = 7;
  require(plugin->handle(plugin->self, &request) == DOJO_OK, "handle");
  require(strcmp(answered, "{\"a\":1}") == 0, "the body came back");
  plugin->stop(plugin->self);
  plugin->destroy(plugin->self);

  require(dojo_plugin_note.type == DOJO_NOTE_TYPE, "the note's type");
  require(dojo_plugin_note.name_size == sizeof "dojo", "the note's name size");
  require(dojo_plugin_note.description_size == 68, "the note's description size");
  require(strcmp(dojo_plugin_note.plugin, "c-echo") == 0, "the note's plugin");
  return failures;
}
#endif
