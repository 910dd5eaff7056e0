/* From a future in which the tables have grown. */
#define ZOO_NAME "longer_tables"
#define ZOO_ENTRY_SIZE (sizeof(dojo_plugin_entry_v1) + ZOO_ROOM)
#define ZOO_PLUGIN_SIZE (sizeof(dojo_plugin) + ZOO_ROOM)
#define ZOO_ROUTE_SIZE (sizeof(dojo_route) + ZOO_ROOM)
#include "zoo.h"
