#define ZOO_NAME "short_plugin"
#define ZOO_PLUGIN_SIZE 56
#include "zoo.h"
