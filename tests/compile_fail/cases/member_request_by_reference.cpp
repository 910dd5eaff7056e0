// says: its request and dojo::Reply by value
// says: Miner
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Miner {
  Ask answer(Ask& ask) const { return ask; }
};
DOJO_PLUGIN("case", "1", dojo::object<Miner>(), dojo::handle(&Miner::answer))
