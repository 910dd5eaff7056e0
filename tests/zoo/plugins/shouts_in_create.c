/* Writes nonsense to every descriptor there is, for as long as it is let. */
#include <unistd.h>

static void shout(void);
#define ZOO_NAME "shouts_in_create"
#define ZOO_CREATE(error) ((void)(error), shout(), DOJO_OK)
#include "zoo.h"

static void shout(void) {
  static char nonsense[65536];
  memset(nonsense, 'x', sizeof nonsense);
  for (;;) {
    for (int fd = 1; fd < 16; ++fd) (void)!write(fd, nonsense, sizeof nonsense);
  }
}
