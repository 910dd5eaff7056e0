// says: posted work is called without arguments: void()
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

Ask answer(dojo::Context& call, Ask ask) {
  if (!call.post([](int) {})) ask.n = 1;
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
