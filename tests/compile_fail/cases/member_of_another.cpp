// says: a handler or a hook is a member of another class than that of dojo::object
// says: Miner
// says: Guard
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Guard {
  void check() const {}
};
struct Miner {
  Ask answer(Ask ask) const { return ask; }
};
DOJO_PLUGIN("case", "1", dojo::object<Miner>(), dojo::handle(&Miner::answer),
            dojo::health(&Guard::check))
