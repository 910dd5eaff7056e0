/* Ends as the kernel ends a process when memory is short. */
#include <signal.h>
#define ZOO_NAME "kills_itself"
#include "zoo.h"

__attribute__((constructor)) static void end(void) {
  raise(SIGKILL);
}
