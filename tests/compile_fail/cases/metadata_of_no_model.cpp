// says: dojo::Context::metadata: no value may be of this type
// says: Plain
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)
struct Plain {
  int n = 0;
};
Ask answer(dojo::Context& call, Ask ask) {
  call.metadata("plain", Plain());
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
