// Built without -fno-gnu-unique and with everything visible, as plugins are that are not built with
// dojo_add_plugin(): the counter becomes a symbol of which a process has one, for ever.
#include <cstdint>

#define ZOO_NAME "unique_symbols"
#define ZOO_CREATE(error) ((void)(error), count_calls() > 0 ? DOJO_OK : DOJO_FAILED)

inline int& calls() {
  static int count = 0;
  return count;
}

static int count_calls() {
  return ++calls();
}

extern "C" {
#include "zoo.h"
}
