// says: a handler is not `mutable`: it runs on several threads at once
// says: lambda
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

DOJO_PLUGIN("case", "1", dojo::handle([calls = 0](Ask) mutable { return Ask{++calls}; }))
