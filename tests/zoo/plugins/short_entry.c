#define ZOO_NAME "short_entry"
#define ZOO_ENTRY_SIZE 24
#include "zoo.h"
