// says: a handler that takes a dojo::Reply returns void
// says: Ask
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

Ask answer(dojo::Context&, Ask ask, dojo::Reply<Ask>) {
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
