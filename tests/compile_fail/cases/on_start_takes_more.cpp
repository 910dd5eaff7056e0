// says: a hook (on_start, on_stop, health, selftest) is void() or void(dojo::Host&)
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

Ask answer(Ask ask) {
  return ask;
}
DOJO_PLUGIN("case", "1", dojo::handle(answer), dojo::on_start([](int) {}))
