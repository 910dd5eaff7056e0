#include <dojo/plugin.h>
#undef DOJO_ABI_MINOR
#define DOJO_ABI_MINOR 99
#define ZOO_NAME "newer_minor"
#include "zoo.h"
