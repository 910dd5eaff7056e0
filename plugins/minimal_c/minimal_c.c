/* A plugin in C11 that uses nothing but plugin.h: POST /CountBytes answers how many bytes the body
 * had, and how many requests there have been.
 *
 * For reading from top to bottom: what is needed to serve a route, in the order in which the host
 * meets it at the bottom. No JSON library: the answer is a format string, the request is not looked
 * into. A language that can make C's structs and one exported symbol can do all of this. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <dojo/plugin.h>

/* All that this plugin knows. The host hands it back as `self` with each call. The plugin's table
 * lives in here too: what create() gives back has to live until destroy(). */
struct counter {
  const dojo_host* host;       /* the host's functions; good until destroy() returns */
  atomic_uint_least64_t asked; /* handle() runs on several threads at once */
  dojo_plugin table;
};

static int32_t fail(dojo_error* error, const char* reason) {
  const int written = snprintf(error->data, error->capacity, "%s", reason);
  error->size = written < 0 ? 0 : (size_t)written;
  /* snprintf says how long it would have been, and ends what it wrote with a 0 of its own. */
  if (error->size >= error->capacity) error->size = error->capacity == 0 ? 0 : error->capacity - 1;
  return DOJO_FAILED;
}

/* Nothing to make ready, nothing to end: a plugin with threads starts and joins them here. */
static int32_t start(void* self, dojo_error* error) {
  (void)self;
  (void)error;
  return DOJO_OK;
}
static void stop(void* self) {
  (void)self;
}

/* A request. DOJO_OK says that we own it: we complete it, exactly once, here or later and from any
 * thread. Anything else gives it back, and the host answers that we failed. */
static int32_t handle(void* self, const dojo_request* request) {
  struct counter* counter = self;
  const uint64_t asked = atomic_fetch_add(&counter->asked, 1) + 1;

  char body[96];
  const int size = snprintf(body, sizeof body, "{\"bytes\":%zu,\"asked\":%" PRIu64 "}",
                            request->body.size, asked);
  if (size < 0 || (size_t)size >= sizeof body) return DOJO_FAILED;

  dojo_response response = {0}; /* what is left zero is left out */
  response.struct_size = sizeof response;
  response.status = 200;
  response.body = (dojo_span){body, (size_t)size};
  /* No `release`: the host has copied the body when complete() returns, so it may be on our stack.
   * DOJO_STALE would say that the host has answered already, past the deadline: so be it. */
  counter->host->complete(counter->host->context, request->id, &response);
  return DOJO_OK;
}

static void destroy(void* self) {
  free(self);
}

/* What we serve: POST and HEAD on /CountBytes. The hooks at the end, for callers that are not
 * welcome, are NULL: there are none. */
static const dojo_route routes[] = {{
    .struct_size = sizeof(dojo_route),
    .name = "CountBytes",
    .description = "How many bytes the body had",
}};

/* Called once for each time that the file is loaded. `config` is [plugins.minimal_c] of the host's
 * config as JSON; this plugin has no settings, and says so rather than ignore one. */
static int32_t create(const dojo_host* host, dojo_span config, const dojo_plugin** plugin,
                      dojo_error* error) {
  if (config.size != 2) return fail(error, "config: this plugin takes none");
  struct counter* made = calloc(1, sizeof *made);
  if (made == NULL) return fail(error, "out of memory");
  made->host = host;
  atomic_init(&made->asked, 0);
  made->table = (dojo_plugin){
      .struct_size = sizeof made->table,
      .route_count = sizeof routes / sizeof routes[0],
      .self = made,
      .routes = routes,
      .start = start,
      .handle = handle,
      .stop = stop,
      .destroy = destroy,
  };
  *plugin = &made->table;
  return DOJO_OK;
}

/* The name and the ABI's version, to be read without running any of this. */
DOJO_NOTE("minimal_c");

/* The one symbol that the host looks for. */
DOJO_EXPORT const dojo_plugin_entry_v1 dojo_plugin_entry = {
    .struct_size = sizeof(dojo_plugin_entry_v1),
    .abi_major = DOJO_ABI_MAJOR,
    .abi_minor = DOJO_ABI_MINOR,
    .name = "minimal_c",
    .version = "1.0.0",
    .create = create,
};
