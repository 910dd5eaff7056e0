#define ZOO_NAME "hangs_in_constructor"
#include "zoo.h"

__attribute__((constructor)) static void construct(void) {
  static volatile int never;
  while (!never) {
  }
}
