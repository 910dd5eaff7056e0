// says: a plugin serves one route at least
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

DOJO_PLUGIN("case", "1", dojo::on_start([] {}))
