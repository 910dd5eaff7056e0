// says: a handler takes dojo::Context by reference, and its request and dojo::Reply by value
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

Ask answer(dojo::Context, Ask ask) {
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
