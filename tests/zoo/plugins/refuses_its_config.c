/* Fails create() with the config it was given as the reason. */
#define ZOO_NAME "refuses_its_config"
#define ZOO_CREATE(error) zoo_refuse(error)
#include <dojo/plugin.h>
static int32_t zoo_refuse(dojo_error* error);
#include "zoo.h"

static int32_t zoo_refuse(dojo_error* error) {
  error->size = zoo_config.size < error->capacity ? zoo_config.size : error->capacity;
  memcpy(error->data, zoo_config.data, error->size);
  return DOJO_FAILED;
}
