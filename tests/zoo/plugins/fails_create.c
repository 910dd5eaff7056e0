#define ZOO_NAME "fails_create"
#define ZOO_CREATE(error) zoo_fail(error, "there is no GPU")
#include "zoo.h"
