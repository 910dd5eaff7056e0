// says: a handler is a function, or an object with one operator() that is no template
// says: Both
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Both {
  Ask operator()(Ask ask) const { return ask; }
  Ask operator()(dojo::Context&, Ask ask) const { return ask; }
};
DOJO_PLUGIN("case", "1", dojo::handle(Both()))
