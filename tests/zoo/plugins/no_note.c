#define ZOO_NAME "no_note"
#define ZOO_NO_NOTE
#include "zoo.h"
