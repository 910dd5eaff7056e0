#define ZOO_NAME "one_name"
#define ZOO_NOTE_NAME "another_name"
#include "zoo.h"
