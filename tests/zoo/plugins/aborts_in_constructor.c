#include <stdio.h>
#include <stdlib.h>

#define ZOO_NAME "aborts_in_constructor"
#include "zoo.h"

__attribute__((constructor)) static void construct(void) {
  fputs("the model file is missing\n", stderr);
  abort();
}
