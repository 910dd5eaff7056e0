// says: the handler's answer is no model
// says: Plain
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Plain {
  int n = 0;
};
Plain answer(dojo::Context&, Ask) {
  return {};
}
DOJO_PLUGIN("case", "1", dojo::handle(answer))
