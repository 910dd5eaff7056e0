/* Leaves a thread that sleeps in its code. */
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

static int32_t leave(void);
#define ZOO_NAME "leaves_a_thread"
#define ZOO_CREATE(error) ((void)(error), leave())
#include "zoo.h"

static void* sleep_for_ever(void* nothing) {
  for (;;) pause();
  return nothing;
}

static int32_t leave(void) {
  pthread_t thread;
  return pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0 ? DOJO_OK : DOJO_FAILED;
}
