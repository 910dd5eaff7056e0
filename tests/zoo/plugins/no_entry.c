/* Exports nothing that the host looks for. */
#define ZOO_NAME "no_entry"
#define ZOO_ENTRY another_entry
#include "zoo.h"
