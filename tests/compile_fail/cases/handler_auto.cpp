// says: a handler is a function, or an object with one operator() that is no template
// says: lambda
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

DOJO_PLUGIN("case", "1", dojo::handle([](auto ask) { return ask; }))
