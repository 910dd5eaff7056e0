/* Linked with -z nodelete: dlclose() does nothing. */
#define ZOO_NAME "nodelete"
#include "zoo.h"
