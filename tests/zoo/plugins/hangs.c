/* Hangs in one of its functions as long as there is a file of that name in the folder that its
 * config names, {"hangs":"<folder>"}; and makes <name>.in there when it begins to. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <dojo/plugin.h>

static int32_t hang(const char* where);
#define ZOO_NAME "hangs"
#define ZOO_ROUTE "Hangs"
#define ZOO_CREATE(error) ((void)(error), hang("create"))
#define ZOO_START() ((void)hang("start"))
#define ZOO_SELFTEST(error) ((void)(error), hang("selftest"))
#define ZOO_HEALTH(error) ((void)(error), hang("health"))
#define ZOO_SAVE(error) ((void)(error), hang("save"))
#include "zoo.h"

static int32_t hang(const char* where) {
  static const char start[] = "{\"hangs\":\"";
  static char folder[4096];
  char file[8192];
  char sign[sizeof file + sizeof ".in"];
  const size_t around = sizeof start - 1 + 2;
  if (folder[0] == '\0' && zoo_config.size > around && zoo_config.size - around < sizeof folder) {
    memcpy(folder, zoo_config.data + sizeof start - 1, zoo_config.size - around);
  }
  (void)snprintf(file, sizeof file, "%s/%s", folder, where);
  (void)snprintf(sign, sizeof sign, "%s.in", file);
  if (access(file, F_OK) == 0) (void)close(open(sign, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  while (access(file, F_OK) == 0) poll(NULL, 0, 1);
  return DOJO_OK;
}
