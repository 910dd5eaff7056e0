// says: save is T(), of this very T
// says: Miner
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)
struct More : Ask {
  int more = 0;
};
DOJO_MODEL(More, n, more)

struct Miner {
  Ask answer(Ask ask) const { return ask; }
  More save() const { return {}; }
  void restore(Ask) {}
};
DOJO_PLUGIN("case", "1", dojo::object<Miner>(), dojo::handle(&Miner::answer),
            dojo::state<Ask>(&Miner::save, &Miner::restore))
