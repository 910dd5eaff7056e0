// says: Model
// says: More
#include <dojo/model.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)
struct More : Ask {
  int m = 0;
};
auto json(const More& more) {
  return dojo::to_json(more);
}
