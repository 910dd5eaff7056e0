// says: a handler or a hook is a member, and there is no object that has it
// says: Miner
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Miner {
  Ask answer(Ask ask) const { return ask; }
};
DOJO_PLUGIN("case", "1", dojo::handle(&Miner::answer))
