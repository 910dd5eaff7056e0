#define ZOO_NAME "short_route"
#define ZOO_ROUTE_SIZE 64
#include "zoo.h"
