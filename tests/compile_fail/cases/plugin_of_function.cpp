// says: DOJO_PLUGIN takes dojo::handle(handler)
// says: Ask
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

Ask answer(Ask ask) {
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer), answer)
