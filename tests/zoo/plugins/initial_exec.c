/* Takes of what a process has little of: room for thread-local variables at fixed places. */
#define ZOO_NAME "initial_exec"
#define ZOO_CREATE(error) touch()
#include <stdint.h>

static __thread char block[600] __attribute__((tls_model("initial-exec")));
static int32_t touch(void);
#include "zoo.h"

static int32_t touch(void) {
  volatile char* bytes = block;
  bytes[1] = 1;
  return DOJO_OK;
}
