// says: a route's hook takes (const dojo::Context&) or (const dojo::Context&, const Request&)
// says: Miner
#include <dojo/plugin.hpp>

struct Ask {
  int n = 0;
};
DOJO_MODEL(Ask, n)

struct Miner {
  Ask answer(Ask ask) const { return ask; }
  int urgent() const { return 1; }
};
DOJO_PLUGIN("case", "1", dojo::object<Miner>(),
            dojo::handle(&Miner::answer).priority(&Miner::urgent))
