// says: a route's hook takes (const dojo::Context&) or (const dojo::Context&, const Request&)
// says: Ask
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Other {
  int n = 0;
};
DOJO_MODEL(Other, n)
Ask answer(Ask ask) {
  return ask;
}
DOJO_PLUGIN("case", "1",
            dojo::handle(answer).priority([](const dojo::Context&, const Other& other) {
              return other.n;
            }))
