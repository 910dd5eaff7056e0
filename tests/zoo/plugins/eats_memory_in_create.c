/* Allocates 4 GiB and fails if it cannot have them. */
#include <stdint.h>
#include <stdlib.h>

static int32_t eat(void);
#define ZOO_NAME "eats_memory_in_create"
#define ZOO_CREATE(error) (eat() == DOJO_OK ? DOJO_OK : zoo_fail(error, "there is no more memory"))
#include "zoo.h"

static int32_t eat(void) {
  void* volatile memory = malloc((size_t)4 << 30);
  if (memory == NULL) return DOJO_FAILED;
  free(memory);
  return DOJO_OK;
}
