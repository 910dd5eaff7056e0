// says: what the handler's Reply answers with is no model
// says: basic_string
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

void answer(dojo::Context&, Ask, dojo::Reply<std::string> reply) {
  (void)reply;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
