#include <dojo/plugin.h>
#undef DOJO_ABI_MAJOR
#define DOJO_ABI_MAJOR 99
#define ZOO_NAME "wrong_major"
#include "zoo.h"
