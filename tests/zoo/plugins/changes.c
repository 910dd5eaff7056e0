/* Changes something that belongs to the whole process. */
#define _GNU_SOURCE
#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static int32_t change(void);
#define ZOO_CREATE(error) change()
#include "zoo.h"

static int32_t change(void) {
#if defined(CHANGES_locale)
  return setlocale(LC_ALL, "C.UTF-8") == NULL;
#elif defined(CHANGES_umask)
  (void)umask(0);
  return DOJO_OK;
#elif defined(CHANGES_folder)
  return chdir("/");
#elif defined(CHANGES_environment)
  return setenv("DOJO_ZOO_SECRET", "a_password", 1);
#elif defined(CHANGES_signals)
  return signal(SIGUSR1, SIG_IGN) == SIG_ERR;
#elif defined(CHANGES_limits)
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_cur - 1;
  return setrlimit(RLIMIT_NOFILE, &limit);
#elif defined(CHANGES_timer)
  struct itimerval timer = {{1000, 0}, {1000, 0}};
  return setitimer(ITIMER_REAL, &timer, NULL);
#elif defined(CHANGES_rounding)
  return fesetround(FE_TOWARDZERO);
#endif
}
