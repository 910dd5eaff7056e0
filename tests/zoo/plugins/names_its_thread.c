/* Leaves a thread that sleeps in its code, and is called as the host's own are; until there is a
 * file that its config names: {"go":"<file>"}. */
#include <sys/prctl.h>
#define ZOO_THREAD() prctl(PR_SET_NAME, "dojo-net", 0, 0, 0)
#include "leaves_a_thread.c"
