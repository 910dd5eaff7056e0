/* Answers with what a library of its own says, which brings another one. */
#define ZOO_NAME "brings_libraries"
#define ZOO_ANSWER(request) answer()
#include <dojo/plugin.h>

static dojo_span answer(void);
#include "zoo.h"

const char* zoo_number(void);

static dojo_span answer(void) {
  const char* text = zoo_number();
  const dojo_span span = {text, strlen(text)};
  return span;
}
