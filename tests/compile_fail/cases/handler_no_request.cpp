// says: a handler is Answer(Request), Answer(dojo::Context&, Request), or
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

Ask answer() {
  return {};
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
