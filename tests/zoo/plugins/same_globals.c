/* With a global symbol that another plugin has as well: NUMBER tells them apart. */
#define ZOO_ANSWER(request) ((void)(request), zoo_answer())
#include <dojo/plugin.h>
static dojo_span zoo_answer(void);
#include "zoo.h"

__attribute__((visibility("default"))) const char* zoo_shared = NUMBER;

static dojo_span zoo_answer(void) {
  dojo_span answer;
  answer.data = zoo_shared;
  answer.size = strlen(zoo_shared);
  return answer;
}
