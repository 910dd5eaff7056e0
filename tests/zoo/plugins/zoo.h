/*
 * A good plugin in C, for others to spoil. Define before including:
 *   ZOO_NAME           its name, in note and entry
 *   ZOO_NOTE_NAME      the name in the note, if it is to be another
 *   ZOO_NO_NOTE        no note
 *   ZOO_CREATE(error)  an int32_t: what create() does before it returns its table
 *   ZOO_SELFTEST(error), ZOO_HEALTH(error)  an int32_t: offers the extension
 *   ZOO_DESTROY()      what destroy() does
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

#ifndef ZOO_CREATE
#define ZOO_CREATE(error) ((void)(error), DOJO_OK)
#endif
#ifndef ZOO_DESTROY
#define ZOO_DESTROY() ((void)0)
#endif
#ifndef ZOO_NOTE_NAME
#define ZOO_NOTE_NAME ZOO_NAME
#endif

static const dojo_host* zoo_host;

static int32_t zoo_start(void* self, dojo_error* error) {
  (void)self;
  (void)error;
  return DOJO_OK;
}

static int32_t zoo_handle(void* self, const dojo_request* request) {
  dojo_response response;
  (void)self;
  memset(&response, 0, sizeof response);
  response.struct_size = sizeof response;
  response.status = 200;
  response.body = request->body;
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

static const void* zoo_extension(void* self, const char* name) {
  (void)self;
  (void)name;
#ifdef ZOO_SELFTEST
  if (strcmp(name, DOJO_EXT_SELFTEST) == 0) return &zoo_selftest_table;
#endif
#ifdef ZOO_HEALTH
  if (strcmp(name, DOJO_EXT_HEALTH) == 0) return &zoo_health_table;
#endif
  return NULL;
}

static dojo_span zoo_config;

static int32_t zoo_create(const dojo_host* host, dojo_span config, const dojo_plugin** plugin,
                          dojo_error* error) {
  static dojo_route route;
  static dojo_plugin table;
  zoo_host = host;
  zoo_config = config;
  route.struct_size = sizeof route;
  route.name = "Zoo";
  table.struct_size = sizeof table;
  table.route_count = 1;
  table.routes = &route;
  table.start = zoo_start;
  table.handle = zoo_handle;
  table.stop = zoo_stop;
  table.destroy = zoo_destroy;
  table.extension = zoo_extension;
  *plugin = &table;
  return ZOO_CREATE(error);
}

#ifndef ZOO_NO_NOTE
DOJO_NOTE(ZOO_NOTE_NAME);
#endif

const dojo_plugin_entry_v1 dojo_plugin_entry = {
    sizeof(dojo_plugin_entry_v1), DOJO_ABI_MAJOR, DOJO_ABI_MINOR, ZOO_NAME, "1.0.0", zoo_create};

#endif
