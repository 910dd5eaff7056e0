// says: the handler's answer is no model
// says: More
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)
struct More : Ask {
  int m = 0;
};
More answer(Ask) {
  return {};
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
