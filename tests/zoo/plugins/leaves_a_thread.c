/* Leaves a thread that sleeps in its code; for ever, or until there is a file that its config
 * names:
 * {"go":"<file>"}. */
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

static int32_t leave(void);
#define ZOO_NAME "leaves_a_thread"
#define ZOO_CREATE(error) ((void)(error), leave())
#include "zoo.h"

static char go[4096];

#ifndef ZOO_THREAD
#define ZOO_THREAD() ((void)0)
#endif

static void* sleep_in_here(void* nothing) {
  ZOO_THREAD();
  while (go[0] == '\0' || access(go, F_OK) != 0) poll(NULL, 0, 1);
  return nothing;
}

static int32_t leave(void) {
  static const char start[] = "{\"go\":\"";
  static const char end[] = "\"}";
  const size_t around = sizeof start - 1 + sizeof end - 1;
  pthread_t thread;
  if (zoo_config.size > around && zoo_config.size - around < sizeof go &&
      memcmp(zoo_config.data, start, sizeof start - 1) == 0) {
    memcpy(go, zoo_config.data + sizeof start - 1, zoo_config.size - around);
  }
  if (pthread_create(&thread, NULL, sleep_in_here, NULL) != 0) return DOJO_FAILED;
  return pthread_detach(thread) == 0 ? DOJO_OK : DOJO_FAILED;
}
