// says: the answer would be sent as its base
// says: More
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct More : Ask {
  int m = 0;
};
DOJO_MODEL(More, n, m)
void answer(dojo::Context&, Ask, dojo::Reply<Ask> reply) {
  reply.send(More());
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
