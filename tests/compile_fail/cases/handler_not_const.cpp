// says: a handler is not `mutable`: it runs on several threads at once
// says: Counter
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Counter {
  int calls = 0;
  Ask operator()(dojo::Context&, Ask) { return {++calls}; }
};
DOJO_PLUGIN("case", "1", dojo::handle(Counter()))
