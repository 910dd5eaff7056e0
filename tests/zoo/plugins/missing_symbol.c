/* Calls what nobody defines. Linked without -z defs. */
#include <stdint.h>

int32_t nobody_defines_this(void);
#define ZOO_NAME "missing_symbol"
#define ZOO_CREATE(error) ((void)(error), nobody_defines_this())
#include "zoo.h"
