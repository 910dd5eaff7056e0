#define ZOO_NAME "../bad name"
#include "zoo.h"
