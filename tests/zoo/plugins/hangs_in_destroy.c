#define ZOO_NAME "hangs_in_destroy"
#define ZOO_DESTROY() hang()
static void hang(void);
#include "zoo.h"

static void hang(void) {
  static volatile int never;
  while (!never) {
  }
}
