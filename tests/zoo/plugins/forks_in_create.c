/* Leaves a process that holds whatever was open, and dies. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static int32_t leave(void);
#define ZOO_NAME "forks_in_create"
#define ZOO_CREATE(error) ((void)(error), leave())
#include "zoo.h"

static int32_t leave(void) {
  if (fork() == 0) {
    for (;;) pause();
  }
  abort();
}
