#include <signal.h>

#define ZOO_NAME "crashes_in_create"
#define ZOO_CREATE(error) ((void)(error), raise(SIGSEGV), DOJO_OK)
#include "zoo.h"
