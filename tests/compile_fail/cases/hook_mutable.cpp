// says: and is not `mutable`, since it runs on several threads at once
// says: Ask
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

Ask answer(Ask ask) {
  return ask;
}
DOJO_PLUGIN("case", "1",
            dojo::handle(answer).priority([n = 0](const dojo::Context&) mutable { return ++n; }))
