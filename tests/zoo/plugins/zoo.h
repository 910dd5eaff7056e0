/*
 * A good plugin in C, for others to spoil. Define before including:
 *   ZOO_NAME           its name, in note and entry
 *   ZOO_NOTE_NAME      the name in the note, if it is to be another
 *   ZOO_NO_NOTE        no note
 *   ZOO_CREATE(error)  an int32_t: what create() does before it returns its table
 *   ZOO_START()        what start() does
 *   ZOO_SELFTEST(error), ZOO_HEALTH(error), ZOO_SAVE(error)  an int32_t: offers the extension
 *   ZOO_DESTROY()      what destroy() does
 *   ZOO_ROUTE          the name of its route
 *   ZOO_ANSWER(request)  a dojo_span: what it answers with
 *   ZOO_ENTRY          what the entry is called
 *   ZOO_ENTRY_SIZE, ZOO_PLUGIN_SIZE, ZOO_ROUTE_SIZE  bytes that these tables claim to have; up to
 *                      ZOO_ROOM more than there are, which are no zeros then
 * ZOO_ALIAS is for the build: all of them under one name, as versions of one plugin.
 */
#ifndef DOJO_ZOO_H
#define DOJO_ZOO_H

#include <stddef.h>
#include <string.h>

#include <dojo/plugin.h>

static inline int32_t zoo_fail(dojo_error* error, const char* why) {
  error->size = strlen(why) < error->capacity ? strlen(why) : error->capacity;
  memcpy(error->data, why, error->size);
  return DOJO_FAILED;
}

#ifdef ZOO_ALIAS
#undef ZOO_NAME
#define ZOO_NAME ZOO_ALIAS
#endif
#ifndef ZOO_CREATE
#define ZOO_CREATE(error) ((void)(error), DOJO_OK)
#endif
#ifndef ZOO_START
#define ZOO_START() ((void)0)
#endif
#ifndef ZOO_DESTROY
#define ZOO_DESTROY() ((void)0)
#endif
#ifndef ZOO_ROUTE
#define ZOO_ROUTE "Zoo"
#endif
#ifndef ZOO_ANSWER
#define ZOO_ANSWER(request) ((request)->body)
#endif
#ifndef ZOO_ENTRY
#define ZOO_ENTRY dojo_plugin_entry
#endif
#ifndef ZOO_ENTRY_SIZE
#define ZOO_ENTRY_SIZE sizeof(dojo_plugin_entry_v1)
#endif
#ifndef ZOO_PLUGIN_SIZE
#define ZOO_PLUGIN_SIZE sizeof(dojo_plugin)
#endif
#ifndef ZOO_ROUTE_SIZE
#define ZOO_ROUTE_SIZE sizeof(dojo_route)
#endif
#define ZOO_ROOM 64
#ifndef ZOO_NOTE_NAME
#define ZOO_NOTE_NAME ZOO_NAME
#endif

static const dojo_host* zoo_host;

static int32_t zoo_start(void* self, dojo_error* error) {
  (void)self;
  (void)error;
  ZOO_START();
  return DOJO_OK;
}

static int32_t zoo_handle(void* self, const dojo_request* request) {
  dojo_response response;
  (void)self;
  memset(&response, 0, sizeof response);
  response.struct_size = sizeof response;
  response.status = 200;
  response.body = ZOO_ANSWER(request);
  return zoo_host->complete(zoo_host->context, request->id, &response);
}

static void zoo_stop(void* self) {
  (void)self;
}

static void zoo_destroy(void* self) {
  (void)self;
  ZOO_DESTROY();
}

#ifdef ZOO_SELFTEST
static int32_t zoo_selftest(void* self, dojo_error* error) {
  (void)self;
  return ZOO_SELFTEST(error);
}
static const dojo_selftest_v1 zoo_selftest_table = {sizeof(dojo_selftest_v1), zoo_selftest};
#endif
#ifdef ZOO_HEALTH
static int32_t zoo_health(void* self, dojo_error* error) {
  (void)self;
  return ZOO_HEALTH(error);
}
static const dojo_health_v1 zoo_health_table = {sizeof(dojo_health_v1), zoo_health};
#endif

#ifdef ZOO_SAVE
static int32_t zoo_save(void* self, void (*write)(void*, dojo_span), void* context,
                        dojo_error* error) {
  (void)self;
  (void)write;
  (void)context;
  return ZOO_SAVE(error);
}
static const dojo_state_v1 zoo_state_table = {sizeof(dojo_state_v1), zoo_save, NULL};
#endif

static const void* zoo_extension(void* self, const char* name) {
  (void)self;
  (void)name;
#ifdef ZOO_SELFTEST
  if (strcmp(name, DOJO_EXT_SELFTEST) == 0) return &zoo_selftest_table;
#endif
#ifdef ZOO_SAVE
  if (strcmp(name, DOJO_EXT_STATE) == 0) return &zoo_state_table;
#endif
#ifdef ZOO_HEALTH
  if (strcmp(name, DOJO_EXT_HEALTH) == 0) return &zoo_health_table;
#endif
  return NULL; /* NOLINT(modernize-use-nullptr) C reads it too */
}

static dojo_span zoo_config;

static int32_t zoo_create(const dojo_host* host, dojo_span config, const dojo_plugin** plugin,
                          dojo_error* error) {
  static struct {
    dojo_route known;
    char room[ZOO_ROOM];
  } route;
  static struct {
    dojo_plugin known;
    char room[ZOO_ROOM];
  } table;
  memset(route.room, 0x5a, sizeof route.room);
  memset(table.room, 0x5a, sizeof table.room);
  (void)error;
  zoo_host = host;
  zoo_config = config;
  route.known.struct_size = ZOO_ROUTE_SIZE;
  route.known.name = ZOO_ROUTE;
  table.known.struct_size = ZOO_PLUGIN_SIZE;
  table.known.route_count = 1;
  table.known.routes = &route.known;
  table.known.start = zoo_start;
  table.known.handle = zoo_handle;
  table.known.stop = zoo_stop;
  table.known.destroy = zoo_destroy;
  table.known.extension = zoo_extension;
  *plugin = &table.known;
  return ZOO_CREATE(error);
}

#ifndef ZOO_NO_NOTE
DOJO_NOTE(ZOO_NOTE_NAME);
#endif

const dojo_plugin_entry_v1 ZOO_ENTRY = {ZOO_ENTRY_SIZE, DOJO_ABI_MAJOR, DOJO_ABI_MINOR,
                                        ZOO_NAME,       "1.0.0",        zoo_create};

#endif
