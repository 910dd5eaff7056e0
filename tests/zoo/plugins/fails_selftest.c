#define ZOO_NAME "fails_selftest"
#define ZOO_SELFTEST(error) zoo_fail(error, "two and two are five")
#include "zoo.h"
