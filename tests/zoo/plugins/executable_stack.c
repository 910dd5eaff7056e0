/* Linked with -z execstack, as an assembler source without .note.GNU-stack would have it. */
#define ZOO_NAME "executable_stack"
#include "zoo.h"
