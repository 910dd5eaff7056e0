/* Nothing is wrong with this one. It tells its config, so that a test can see which it was given.
 */
#define ZOO_NAME "good"
#define ZOO_SELFTEST(error) ((void)(error), DOJO_OK)
#define ZOO_HEALTH(error) ((void)(error), DOJO_OK)
#include "zoo.h"
