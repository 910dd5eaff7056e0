// says: a handler is Answer(Request), Answer(dojo::Context&, Request), or
// says: Other
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Other {
  int n = 0;
};
DOJO_MODEL(Other, n)
Ask answer(Ask ask, Other) {
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
