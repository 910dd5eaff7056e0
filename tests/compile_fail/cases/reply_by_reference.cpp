// says: a handler takes dojo::Context by reference, and its request and dojo::Reply by value
// says: Ask
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

void answer(dojo::Context&, Ask ask, dojo::Reply<Ask>& reply) {
  reply.send(ask);
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
